package fusefs

import "strings"

// sizeUnit is two pages: tools that read backwards from the end in pieces of
// so many bytes (tail) are at the beginning with the first.
const sizeUnit = 2 * blockSize

// size is what stat(2) says. The kernel says 0 of its files in /proc, which
// can't be ours: since Linux 6.5 sendfile(2), which busybox's cat asks first,
// looks at the size even where there is no page cache, and at 0 it says end of
// file. In /sys it says a page.
//
// No text may be longer: Node's readFile believes a size that is not 0, and
// cuts off the rest. A container's texts are those of fewer CPUs than the
// host's; what is longer than a unit has another to grow.
func (f *FS) size(n node) uint64 {
	if strings.HasPrefix(n.path, "/sys/") {
		return blockSize
	}
	if size, ok := f.sizes[n.path]; ok {
		return size
	}
	return sizeUnit
}

// Measure takes the sizes from the host's own texts; before it, and where read
// fails, files are of one unit. It must come before the first request.
func (f *FS) Measure(read func(path string) ([]byte, error)) {
	f.sizes = map[string]uint64{}
	for _, p := range f.emulated {
		if p.Dir {
			continue
		}
		if text, err := read(p.Path); err == nil && len(text) > sizeUnit {
			f.sizes[p.Path] = uint64((len(text)+sizeUnit-1)/sizeUnit+1) * sizeUnit
		}
	}
}
