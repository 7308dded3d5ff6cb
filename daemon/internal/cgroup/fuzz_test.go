package cgroup

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func FuzzParseUint(f *testing.F) {
	addSeeds(f, "0\n", "18446744073709551615\n", "-1\n", "", "1 2\n")
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ParseUint(text)
		want, wantErr := strconv.ParseUint(strings.TrimSuffix(string(text), "\n"), 10, 64)
		if (err == nil) != (wantErr == nil) || err == nil && got != want {
			t.Errorf("%q: got %d, error %v; strconv says %d, %v", text, got, err, want, wantErr)
		}
	})
}

func FuzzParseLimit(f *testing.F) {
	addSeeds(f, "max\n", "9223372036854771712\n", "0\n", "-1\n", "")
	f.Fuzz(func(t *testing.T, text []byte) {
		if n, err := ParseLimit(text); err == nil && n != Unlimited && n >= noV1Limit {
			t.Errorf("%q: %d is no limit", text, n)
		}
	})
}

func FuzzParseQuota(f *testing.F) {
	addSeeds(f, "-1\n", "50000\n", "0\n", "")
	f.Fuzz(func(t *testing.T, text []byte) {
		if n, err := ParseQuota(text); err == nil && n == 0 && string(trimLine(text)) != "-1" {
			t.Errorf("%q became no limit", text)
		}
	})
}

func FuzzParseKeyed(f *testing.F) {
	addSeeds(f, "anon 1\nfile 2\n", "anon", "anon 1", "\n", "")
	f.Fuzz(func(t *testing.T, text []byte) {
		var again []byte
		err := ParseKeyed(text, func(key []byte, n uint64) { again = fmt.Appendf(again, "%s %d\n", key, n) })
		if err == nil && !bytes.Equal(again, text) && !leadingZero(text) {
			t.Errorf("%q became %q", text, again)
		}
	})
}

func FuzzParsePIDs(f *testing.F) {
	addSeeds(f, "1\n2\n", "0\n", "-1\n", "1", "")
	f.Fuzz(func(t *testing.T, text []byte) {
		pids, err := ParsePIDs(text, nil)
		if err == nil && slices.ContainsFunc(pids, func(pid int) bool { return pid <= 0 }) {
			t.Errorf("%q: %v", text, pids)
		}
	})
}

func FuzzParseCPUList(f *testing.F) {
	addSeeds(f, "0-3,7\n", "0,2\n", "3-1\n", ",", "0-65535", "")
	f.Fuzz(func(t *testing.T, text []byte) {
		cpus, err := ParseCPUList(text, nil)
		if err != nil {
			return
		}
		for i, cpu := range cpus {
			if cpu < 0 || cpu >= maxCPUs || i > 0 && cpu <= cpus[i-1] {
				t.Fatalf("%q: CPU %d", text, cpu)
			}
		}
		var list []string
		for _, cpu := range cpus {
			list = append(list, strconv.Itoa(cpu))
		}
		again, err := ParseCPUList([]byte(strings.Join(list, ",")), nil)
		if err != nil || !slices.Equal(again, cpus) {
			t.Errorf("%q: %v, written out and read again %v, error %v", text, cpus, again, err)
		}
	})
}

func FuzzParseCPUMax(f *testing.F) {
	addSeeds(f, "max 100000\n", "50000 100000\n", "0 0\n", "max", "")
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := ParseCPUMax(text)
		if err != nil {
			return
		}
		quota := "max"
		if l.QuotaUsec != 0 {
			quota = strconv.FormatUint(l.QuotaUsec, 10)
		}
		if again := fmt.Sprintf("%s %d\n", quota, l.PeriodUsec); l.PeriodUsec == 0 || again != string(trimLine(text))+"\n" && !leadingZero(text) {
			t.Errorf("%q became %q", text, again)
		}
	})
}

func FuzzParseUsageAll(f *testing.F) {
	addSeeds(f, "cpu user system\n0 1 2\n3 4 5\n", "cpu user system\n", "0 1 2\n", "")
	f.Fuzz(func(t *testing.T, text []byte) {
		perCPU, err := ParseUsageAll(text, nil)
		if err == nil && (len(perCPU) == 0 || len(perCPU) > maxCPUs) {
			t.Errorf("%q: %d CPUs", text, len(perCPU))
		}
	})
}

func FuzzParsePerCPU(f *testing.F) {
	addSeeds(f, "1 2 \n", "1\n", " ", "")
	f.Fuzz(func(t *testing.T, text []byte) {
		next := 0
		err := ParsePerCPU(text, func(cpu int, _ uint64) {
			if cpu != next {
				t.Errorf("%q: CPU %d after %d", text, cpu, next-1)
			}
			next++
		})
		if err == nil && next == 0 {
			t.Errorf("%q: no CPU", text)
		}
	})
}

func FuzzParseIOStat(f *testing.F) {
	addSeeds(f, "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n", "8:16 8:0 rbytes=1\n", "8:0 cost.vrate=1.0\n", "=", "")
	f.Fuzz(func(t *testing.T, text []byte) {
		if devices, err := ParseIOStat(text, nil); err == nil {
			checkDevices(t, text, devices)
		}
	})
}

func FuzzParseBlkio(f *testing.F) {
	addSeeds(f, "8:0 Read 1\n8:0 Total 1\nTotal 1\n", "Total 0\n", "8:0 Read\n", "")
	f.Fuzz(func(t *testing.T, text []byte) {
		devices, err := ParseBlkio(text, true, nil)
		if err != nil {
			return
		}
		checkDevices(t, text, devices)
		if again, _ := ParseBlkio(text, true, slices.Clone(devices)); !slices.Equal(again, devices) {
			t.Errorf("%q: merging the same text again changed %v to %v", text, devices, again)
		}
	})
}

func checkDevices(t *testing.T, text []byte, devices []DeviceIO) {
	t.Helper()
	seen := map[[2]uint32]bool{}
	for _, d := range devices {
		if id := [2]uint32{d.Major, d.Minor}; seen[id] {
			t.Errorf("%q: %v twice", text, id)
		} else {
			seen[id] = true
		}
	}
}

// leadingZero: "007" is read as 7, which is written differently.
func leadingZero(text []byte) bool {
	return bytes.HasPrefix(text, []byte("0")) || bytes.Contains(text, []byte(" 0"))
}

func addSeeds(f *testing.F, texts ...string) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
}
