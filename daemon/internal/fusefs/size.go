package fusefs

import (
	"math/bits"
	"strings"
)

// smallSize is as much as tools read at once from the end (tail), so that the
// first piece is all.
const smallSize = 2 * blockSize

// size is what stat(2) says, as st_size and st_blksize. The kernel says 0 of
// its files in /proc, which can't be ours: since Linux 6.5 sendfile(2), which
// busybox's cat asks first, looks at the size even where there is no page
// cache, and at 0 it says end of file. In /sys it says a page.
//
// No text may be longer: Node's readFile believes a size that is not 0, and
// cuts off the rest. And no file has more than one block: wc -c believes in all
// but the last of them. A container's texts are those of fewer CPUs than the
// host's; what is long may grow to twice that.
func (f *FS) size(n node) uint32 {
	if strings.HasPrefix(n.path, "/sys/") {
		return blockSize
	}
	return max(smallSize, f.sizes[n.path])
}

// Measure takes the sizes from the host's own texts; without it, and where read
// fails, files are small. It must come before the first request.
func (f *FS) Measure(read func(path string) ([]byte, error)) {
	f.sizes = map[string]uint32{}
	for _, p := range f.emulated {
		if p.Dir {
			continue
		}
		if text, err := read(p.Path); err == nil && len(text) > smallSize {
			f.sizes[p.Path] = 1 << bits.Len(uint(2*len(text)-1)) // the kernel takes powers of 2
		}
	}
}
