package conformance

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podview/podview/daemon/paths"
)

// emulatedFiles is every file that this kernel has of those emulated, and
// some of the emulated directories'. Not node0/cpulist: the kernel itself gives
// nothing to reads of one byte.
func emulatedFiles() (files []string) {
	for _, p := range paths.All {
		if !p.Dir {
			files = append(files, p.Path)
		}
	}
	files = append(files, paths.CPUDir+"/online", paths.CPUDir+"/cpu0/uevent", paths.NodeDir+"/online")
	present := files[:0]
	for _, file := range files {
		if _, err := os.Lstat(file); err == nil {
			present = append(present, file)
		}
	}
	return present
}

var readsChecks = map[string]check{
	"small reads": func(t *testing.T, p *process) {
		for _, file := range emulatedFiles() {
			readInChunks(t, p, file, 1+len(p.read(t, file))/60, false)
		}
	},
	"pread at offsets": func(t *testing.T, p *process) {
		for _, file := range emulatedFiles() {
			readInChunks(t, p, file, 101, true)
		}
	},
	"past the end": readPastEnd,
	"again after lseek": func(t *testing.T, p *process) {
		fd := p.mustOpen(t, "/proc/uptime")
		first := p.readAt(t, At{Handle: fd, Length: 100, Current: true})
		if rest := p.readAt(t, At{Handle: fd, Length: 100, Current: true}); rest != "" {
			t.Errorf("after the end: %q", rest)
		}
		time.Sleep(50 * time.Millisecond)
		p.rewind(t, fd)
		if second := p.readAt(t, At{Handle: fd, Length: 100, Current: true}); second == first {
			t.Errorf("after lseek(0) the old content: %q", second)
		}
	},
	"64 readers at once": func(t *testing.T, p *process) {
		for _, file := range []string{"/proc/meminfo", paths.CPUDir + "/online"} {
			want := shape(p.read(t, file))
			for _, reader := range p.hammer(t, file, 64, 5) {
				for _, text := range reader {
					if got := shape(string(text)); got != want {
						t.Fatalf("%s: %q, want the shape %q", file, text, want)
					}
				}
			}
		}
	},
}

// readInChunks compares shapes, because figures change. A figure that gets a
// digit more between two preads moves the rest of a file: hence the retries.
func readInChunks(t *testing.T, p *process, file string, size int, pread bool) {
	t.Helper()
	var got, want string
	for range 5 {
		var r Result
		p.call(t, "ReadChunks", Chunks{p.path(file), size, pread}, &r)
		if r.Errno != 0 {
			t.Fatalf("%s: %v", file, r.Errno)
		}
		if got, want = shape(string(r.Data)), shape(p.read(t, file)); got == want {
			return
		}
	}
	t.Errorf("%s in reads of %d: %q, whole: %q", file, size, got, want)
}

func readPastEnd(t *testing.T, p *process) {
	for _, file := range emulatedFiles() {
		length := int64(len(p.read(t, file)))
		fd := p.mustOpen(t, file)
		// Also on a file from which nothing was read yet.
		for _, offset := range []int64{length + 5000, length + 1<<20} {
			if got := p.readAt(t, At{Handle: fd, Offset: offset, Length: 100}); got != "" {
				t.Errorf("%s at %d of %d: %q", file, offset, length, got)
			}
		}
		if got := p.readAt(t, At{Handle: fd, Length: 1}); got != p.read(t, file)[:1] {
			t.Errorf("%s: first byte %q", file, got)
		}
	}
}

func TestReadsOfOneByte(t *testing.T) {
	c := startContainer(t, limits{memoryMiB: 128, cpuMilli: 1000})
	for _, file := range emulatedFiles() {
		readInChunks(t, c.process, file, 1, false)
	}
}

// A program that keeps meminfo open, as free -s does, must see the change.
func TestSeekReadsFresh(t *testing.T) {
	c := startContainer(t, limits{memoryMiB: 256})
	fd := c.mustOpen(t, "/proc/meminfo")
	whole := At{Handle: fd, Length: 1 << 16, Current: true}
	before := parseMeminfo(t, c.readAt(t, whole))
	c.touch(t, 64)
	c.rewind(t, fd)
	after := parseMeminfo(t, c.readAt(t, whole))
	if rise := after.usedMiB() - before.usedMiB(); rise < 62 {
		t.Errorf("used rose by %.1f MiB when 64 were touched", rise)
	}
	// Later offsets of the handle go on with the content of its start.
	text := c.readAt(t, At{Handle: fd, Length: 1 << 16})
	c.touch(t, 32)
	if got := c.readAt(t, At{Handle: fd, Offset: 10, Length: 1 << 16}); got != text[10:] {
		t.Errorf("pread at 10 is not of the same moment:\n%q\n%q", got, text[10:])
	}
}

// Two containers that read at once never see each other's.
func TestContainersNeverMix(t *testing.T) {
	small, large := startContainer(t, limits{memoryMiB: 64, cpuMilli: 1000}), startContainer(t, limits{memoryMiB: 512, cpuMilli: 2000})
	var readers sync.WaitGroup
	check := func(c *container, file string, want func(text string) bool) {
		readers.Go(func() {
			for _, reader := range c.hammer(t, file, 4, 300) {
				for _, text := range reader {
					if !want(string(text)) {
						t.Errorf("%s: not this container's: %q", file, text)
						return
					}
				}
			}
		})
	}
	for c, mib := range map[*container]int{small: 64, large: 512} {
		check(c, "/proc/meminfo", func(text string) bool { return parseMeminfo(t, text).kB["MemTotal"] == mib<<10 })
	}
	host := len(kernel().cpuinfo(t))
	for c, cpus := range map[*container]int{small: 1, large: min(2, host)} {
		check(c, "/proc/stat", func(text string) bool { return len(parseStat(t, text).cpus) == cpus })
		check(c, "/proc/cpuinfo", func(text string) bool { return strings.Count(text, "processor\t:") == cpus })
	}
	readers.Wait()
}
