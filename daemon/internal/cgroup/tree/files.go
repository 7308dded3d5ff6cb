package tree

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/podview/podview/daemon/internal/host"
)

// Files are the cgroup files of all hierarchies, which stay open between
// reads.
type Files struct {
	kept   *kept
	maxAge time.Duration
}

type kept = host.Files[name, opened]

// opened is what is remembered with an open file.
type opened struct {
	id   atomic.Uint64 // its cgroup's; 0: not asked for yet
	stat atomic.Pointer[statAt]
}

// name is a file of one cgroup, or with an empty file its directory.
type name struct{ dir, path, file string }

// Clone is the name with memory of its own: paths are part of a longer text.
func (n name) Clone() name {
	n.path = strings.Clone(n.path)
	return n
}

// Branch is the cgroup, in whatever hierarchy.
func (n name) Branch() string { return n.path }

func (n name) String() string {
	if n.file == "" {
		return n.dir + n.path
	}
	return n.dir + join(n.path, n.file)
}

// NewFiles keeps files within the bound of kept. What StatLately tells may be
// up to maxAge old.
func NewFiles(kept *host.Kept, maxAge time.Duration) *Files {
	return &Files{host.NewFiles[name, opened](kept, name.String), maxAge}
}

func join(path, name string) string {
	if path == "/" {
		return "/" + name
	}
	return path + "/" + name
}

func parent(path string) string {
	return path[:max(strings.LastIndexByte(path, '/'), 1)]
}
