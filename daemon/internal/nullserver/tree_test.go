package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
)

func TestTree(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a file")
	if err := os.WriteFile(file, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := newTree([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	id := uint64(fuse.FUSE_ROOT_ID)
	for name := range strings.SplitSeq(file[1:], "/") {
		var out fuse.EntryOut
		if s := tree.Lookup(nil, &fuse.InHeader{NodeId: id}, name, &out); !s.Ok() {
			t.Fatalf("%s: %v", name, s)
		}
		id = out.NodeId
	}
	for _, test := range []struct {
		offset uint64
		size   int
		want   string
	}{{0, 4, "0123"}, {4, 100, "456789"}, {10, 4, ""}, {11, 4, ""}} {
		result, s := tree.Read(nil, &fuse.ReadIn{InHeader: fuse.InHeader{NodeId: id}, Offset: test.offset}, make([]byte, test.size))
		if !s.Ok() {
			t.Fatal(s)
		}
		if got, _ := result.Bytes(nil); string(got) != test.want {
			t.Errorf("%d bytes at %d: %q, want %q", test.size, test.offset, got, test.want)
		}
	}
	if s := tree.Lookup(nil, &fuse.InHeader{NodeId: fuse.FUSE_ROOT_ID}, "nothing", &fuse.EntryOut{}); s != fuse.ENOENT {
		t.Errorf("a name that is not there: %v", s)
	}
	if s := tree.Open(nil, &fuse.OpenIn{InHeader: fuse.InHeader{NodeId: fuse.FUSE_ROOT_ID}}, &fuse.OpenOut{}); s.Ok() {
		t.Error("a directory was opened as a file")
	}
	if _, err := newTree([]string{"relative"}); err == nil {
		t.Error("a relative path was taken")
	}
}
