package main

import (
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/podview/podview/daemon/internal/fusedev"
)

// tree is the files and the directories above them. A node's id is its place
// in nodes, plus one: the root is 1.
type tree struct {
	fuse.RawFileSystem
	nodes []node
	ids   map[string]uint64
}

type node struct {
	mode uint32
	text []byte
}

// newTree takes the files' present text: bytes of a typical length.
func newTree(files []string) (*tree, error) {
	t := &tree{RawFileSystem: fuse.NewDefaultRawFileSystem(), ids: map[string]uint64{}}
	t.add("/", node{mode: syscall.S_IFDIR | 0o555})
	for _, file := range files {
		if !path.IsAbs(file) {
			return nil, fmt.Errorf("%q is not an absolute path", file)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		file = path.Clean(file)
		for i := 1; i < len(file); i++ {
			if file[i] == '/' {
				t.add(file[:i], node{mode: syscall.S_IFDIR | 0o555})
			}
		}
		t.add(file, node{mode: syscall.S_IFREG | 0o444, text: text})
	}
	return t, nil
}

func (t *tree) add(name string, n node) {
	if _, there := t.ids[name]; !there {
		t.nodes = append(t.nodes, n)
		t.ids[name] = uint64(len(t.nodes))
	}
}

func (t *tree) find(id uint64) (n node, ok bool) {
	if id == 0 || id > uint64(len(t.nodes)) {
		return n, false
	}
	return t.nodes[id-1], true
}

func (t *tree) name(id uint64) string {
	for name, its := range t.ids {
		if its == id {
			return name
		}
	}
	return ""
}

// forever is how long the kernel may remember names and attributes, as those
// of podview's own files.
const forever = 365 * 24 * 60 * 60 // seconds

// Lookup is slow and rare: the kernel remembers the answer.
func (t *tree) Lookup(_ <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	parent := strings.TrimSuffix(t.name(header.NodeId), "/")
	id, ok := t.ids[parent+"/"+name]
	if !ok {
		return fuse.ENOENT
	}
	n, _ := t.find(id)
	out.NodeId = id
	out.EntryValid, out.AttrValid = forever, forever
	out.Attr = fuse.Attr{Ino: id, Mode: n.mode, Nlink: 1}
	return fuse.OK
}

func (t *tree) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, ok := t.find(in.NodeId)
	if !ok {
		return fuse.ENOENT
	}
	out.AttrValid = forever
	out.Attr = fuse.Attr{Ino: in.NodeId, Mode: n.mode, Nlink: 1}
	return fuse.OK
}

// Open has podview's flags, so that the kernel sends the same requests.
func (t *tree) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if n, ok := t.find(in.NodeId); !ok || n.text == nil {
		return fuse.ENOENT
	}
	out.OpenFlags = fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NOFLUSH
	return fuse.OK
}

func (t *tree) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, status := t.ReadAt(in, buf)
	return fuse.ReadResultData(buf[:n]), status
}

// ReadAt is Read past go-fuse, as podview's is.
func (t *tree) ReadAt(in *fuse.ReadIn, buf []byte) (int, fuse.Status) {
	n, ok := t.find(in.NodeId)
	if !ok {
		return 0, fuse.ENOENT
	}
	start := min(in.Offset, uint64(len(n.text)))
	return copy(buf, n.text[start:]), fuse.OK
}

var _ fusedev.Direct = (*tree)(nil)

// Release has nothing to forget.
func (t *tree) Release(<-chan struct{}, *fuse.ReleaseIn) {}

// StatFs says nothing, but that this is a file system that answers.
func (t *tree) StatFs(<-chan struct{}, *fuse.InHeader, *fuse.StatfsOut) fuse.Status { return fuse.OK }
