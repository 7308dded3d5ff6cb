package conformance

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Entry is a directory entry: its type as getdents64(2) says, and its mode
// as lstat(2) does (0 where that fails).
type Entry struct {
	Name string
	Type byte
	Mode uint32
}

// ReadDir lists a directory in the kernel's order, "." and ".." included.
func (a *Agent) ReadDir(path string, entries *[]Entry) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, 1024) // small, so that a directory takes several calls
	for {
		n, err := unix.Getdents(int(f.Fd()), buf)
		if err != nil || n <= 0 {
			return err
		}
		for rest := buf[:n]; len(rest) > 0; {
			// struct linux_dirent64: u64 ino, s64 off, u16 reclen, u8 type, name
			length := binary.NativeEndian.Uint16(rest[16:])
			name := unix.ByteSliceToString(rest[19:length])
			e := Entry{Name: name, Type: rest[18]}
			var st unix.Stat_t
			if unix.Lstat(filepath.Join(path, name), &st) == nil {
				e.Mode = st.Mode
			}
			*entries = append(*entries, e)
			rest = rest[length:]
		}
	}
}

// Walked is something below a directory, by its whole path. Read is what
// reading it gave, if it is a regular file.
type Walked struct {
	Entry
	Read syscall.Errno
}

// Walk lists everything below a directory, which may be a symbolic link, and
// tries to read each file. Links below it aren't followed.
func (a *Agent) Walk(dir string, all *[]Walked) error {
	var entries []Entry
	if err := a.ReadDir(dir, &entries); err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name == "." || e.Name == ".." {
			continue
		}
		w := Walked{Entry: e}
		w.Name = filepath.Join(dir, e.Name)
		if e.Mode&unix.S_IFMT == unix.S_IFREG {
			_, err := os.ReadFile(w.Name)
			if err := asErrno(err, &w.Read); err != nil {
				return err
			}
		}
		*all = append(*all, w)
		if e.Mode&unix.S_IFMT == unix.S_IFDIR {
			if err := a.Walk(w.Name, all); err != nil {
				return err
			}
		}
	}
	return nil
}
