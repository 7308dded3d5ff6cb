package caller

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/host"
)

// Root tells what a thread may read of what is root's alone. ofHost is the
// kernel's own rule (acl_permission_check and capable_wrt_inode_uidgid, for a
// file of the host's root). inside is for the root of another user namespace.
//
// It asks anew each time: few read such files, and a thread may change both.
func (r *Resolver) Root(tid int) (ofHost, inside bool, err error) {
	file := r.pidFile(tid, "status")
	text, err := host.ReadFile(file, nil)
	if err != nil {
		return false, false, err
	}
	c, err := parseCredentials(text)
	if err != nil {
		return false, false, fmt.Errorf("%s: %w", file, err)
	}
	ns, err := userNamespace(r.pidFile(tid, "ns/user"))
	if err != nil {
		return false, false, err
	}
	if c.fsUID == 0 || ns == r.userNS {
		const overrides = 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
		return c.fsUID == 0 || c.effective&overrides != 0, false, nil
	}
	ids, err := host.ReadFile(r.pidFile(tid, "uid_map"), nil)
	if err != nil {
		return false, false, err
	}
	root, ok := rootOf(ids)
	return false, ok && c.fsUID == root, nil
}

// userNamespace is its identity; "" on a kernel that has none.
func userNamespace(file string) (string, error) {
	ns, err := os.Readlink(file)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return ns, err
}

// credentials are what the kernel's permission checks look at, but groups.
type credentials struct {
	fsUID     uint64 // as our own user namespace numbers it
	effective uint64 // capabilities
}

func parseCredentials(text []byte) (c credentials, err error) {
	const fsField = 3 // real, effective, saved, file system's
	var hasUID, hasCaps bool
	for line := range bytes.Lines(text) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		fields := bytes.Fields(value)
		switch {
		case string(key) == "Uid" && len(fields) > fsField:
			c.fsUID, err = strconv.ParseUint(string(fields[fsField]), 10, 32)
			hasUID = err == nil
		case string(key) == "CapEff" && len(fields) > 0:
			c.effective, err = strconv.ParseUint(string(fields[0]), 16, 64)
			hasCaps = err == nil
		}
		if err != nil {
			return credentials{}, fmt.Errorf("%.80q is not a number: %w", line, err)
		}
	}
	if !hasUID || !hasCaps {
		return credentials{}, fmt.Errorf("no Uid or CapEff in %.80q", text)
	}
	return c, nil
}

// rootOf finds in a uid_map who user 0 of the namespace is outside.
func rootOf(uidMap []byte) (uid uint64, ok bool) {
	for line := range bytes.Lines(uidMap) {
		fields := bytes.Fields(line) // inside, outside, how many
		if len(fields) == 3 && string(fields[0]) == "0" {
			uid, err := strconv.ParseUint(string(fields[1]), 10, 32)
			return uid, err == nil
		}
	}
	return 0, false
}
