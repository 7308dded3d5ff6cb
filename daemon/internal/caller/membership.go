package caller

import (
	"fmt"
	"strings"
)

// membership is one line of /proc/PID/cgroup: "4:memory:/kubepods/…".
type membership struct {
	controllers string // "cpu,cpuacct", "name=systemd", or "" for the unified "0::"
	path        string
}

// parseMemberships reads /proc/PID/cgroup. Paths that leave our cgroup
// namespace ("/../…") are an error: they can't be opened.
func parseMemberships(text string) ([]membership, error) {
	var all []membership
	for line := range strings.Lines(text) {
		s := strings.TrimSuffix(line, "\n")
		_, rest, ok := strings.Cut(s, ":")
		controllers, path, ok2 := strings.Cut(rest, ":")
		if !ok || !ok2 || !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("line %.80q is not ID:CONTROLLERS:/PATH", s)
		}
		if path == "/.." || strings.HasPrefix(path, "/../") {
			return nil, fmt.Errorf("cgroup %.80q is outside podview's cgroup namespace; podview needs the host's", path)
		}
		all = append(all, membership{controllers, path})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no cgroup line in %.80q", text)
	}
	return all, nil
}

func hasController(list, controller string) bool {
	if controller == "" || list == "" {
		return controller == list
	}
	for list != "" {
		var first string
		first, list, _ = strings.Cut(list, ",")
		if first == controller {
			return true
		}
	}
	return false
}
