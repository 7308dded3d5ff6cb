package procfile

import (
	"testing"

	"github.com/podview/podview/daemon/internal/view"
)

const (
	swapsHeader = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	swapsOfHost = swapsHeader +
		"/var/swap\\040file                       file\t\t20971516\t1234567\t\t-2\n" +
		"/dev/zram0                              partition\t1048572\t\t0\t\t100\n"
)

func TestSwaps(t *testing.T) {
	limited := func(totalKB, freeKB uint64) view.Memory {
		return view.Memory{SwapLimited: true, SwapTotalBytes: totalKB * kB, SwapFreeBytes: freeKB * kB}
	}
	for name, test := range map[string]struct {
		host, want string
		memory     view.Memory
	}{
		"no limit":        {swapsOfHost, swapsOfHost, view.Memory{Limited: true, SwapTotalBytes: 5 * kB}},
		"limit 0":         {swapsOfHost, swapsHeader, limited(0, 0)},
		"a file":          {swapsOfHost, swapsHeader + "/var/swap\\040file                       file\t\t65536\t\t4096\t\t-2\n", limited(65536, 61440)},
		"wide numbers":    {swapsOfHost, swapsHeader + "/var/swap\\040file                       file\t\t20000000\t10000000\t-2\n", limited(20000000, 10000000)},
		"free over total": {swapsOfHost, swapsHeader + "/var/swap\\040file                       file\t\t9999999\t\t0\t\t-2\n", limited(9999999, 10000000)},
		"a partition": {
			swapsHeader + "/dev/zram0                              partition\t1048572\t\t0\t\t100\n",
			swapsHeader + "/dev/zram0                              partition\t8\t\t8\t\t100\n", limited(8, 0)},
		"a long name": {
			swapsHeader + "/dev/disk/by-id/0123456789012345678901234567890 partition\t8\t\t0\t\t3\n",
			swapsHeader + "/dev/disk/by-id/0123456789012345678901234567890 partition\t4\t\t1\t\t3\n", limited(4, 3)},
		"host's swap just went": {swapsHeader, swapsHeader + "none                                    partition\t8\t\t1\t\t-2\n", limited(8, 7)},
	} {
		if out := mustAppend(t, &swaps, test.host, &view.Container{Memory: test.memory}); out != test.want {
			t.Errorf("%s: got\n%q, want\n%q", name, out, test.want)
		}
	}
}
