package tree

import (
	"strings"
	"time"

	"github.com/podview/podview/daemon/internal/host"
)

// Files are the cgroup files of all hierarchies, which stay open between
// reads.
type Files struct {
	kept   *host.Files[name, struct{}]
	maxAge time.Duration
}

// name is a file of one cgroup, or with an empty file its directory.
type name struct{ dir, path, file string }

func (n name) String() string {
	if n.file == "" {
		return n.dir + n.path
	}
	return n.dir + join(n.path, n.file)
}

// NewFiles keeps files within the bound of kept. Texts that ReadLately reads
// may be up to maxAge old.
func NewFiles(kept *host.Kept, maxAge time.Duration) *Files {
	return &Files{host.NewFiles[name, struct{}](kept, name.String), maxAge}
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
