// Package injection says what podview adds to a pod and which pods it leaves
// alone. It knows no policy engine: each renderer turns this model into the
// objects of one.
package injection

import "github.com/podview/podview/daemon/paths"

// View is where the daemon mounts its tree on every node.
const View = "/var/lib/podview/view"

// VolumePrefix is reserved: a volume of this name is podview's.
const VolumePrefix = "podview-"

// Mount is one emulated path: a hostPath volume and a read-only mount of it.
// Each has a volume of its own, because Kubernetes forbids subPath in
// ephemeral containers.
type Mount struct {
	// Volume is the name of the volume.
	Volume string
	// Path is where containers see it.
	Path string
	// HostPath is the same path below View.
	HostPath string
	// Dir is set for a directory.
	Dir bool
}

// Type is the hostPath type. Without one the runtime would make a directory
// on a node where podview never ran.
func (m Mount) Type() string {
	if m.Dir {
		return "Directory"
	}
	return "File"
}

// Covered lists the mount paths that hide Path: the path itself and those
// above it, with and without the trailing slash that users may write.
func (m Mount) Covered() []string {
	covered := []string{"/"}
	for i := 1; i < len(m.Path); i++ { // the first slash is "/"
		if m.Path[i] == '/' {
			covered = append(covered, m.Path[:i], m.Path[:i+1])
		}
	}
	return append(covered, m.Path, m.Path+"/")
}

// Variant is a set of mounts that is injected by policies of its own.
type Variant struct {
	// Suffix ends the names of the variant's policies.
	Suffix string
	Mounts []Mount
}

// Name is the name of one of the variant's policies.
func (v Variant) Name(base string) string { return base + v.Suffix }

// Volumes are the names of the variant's volumes.
func (v Variant) Volumes() []string {
	names := make([]string, len(v.Mounts))
	for i, m := range v.Mounts {
		names[i] = m.Volume
	}
	return names
}

// Everywhere has the paths that every kernel has and every OCI runtime accepts.
func Everywhere() Variant { return Variant{Mounts: mounts(everywhere)} }

// Optional has those that kernels in use lack: there a pod with such a volume
// would never start, since nobody can make a file in /proc or /sys to mount on.
func Optional() Variant { return Variant{Suffix: "-optional", Mounts: mounts(optional)} }

// Pressure has /proc/pressure, which runc refuses and crun accepts.
func Pressure() Variant { return Variant{Suffix: "-pressure", Mounts: mounts(pressure)} }

// Variants are all of them. A pod may have the mounts of each.
func Variants() []Variant { return []Variant{Everywhere(), Optional(), Pressure()} }

func mounts(slugs []string) []Mount {
	var out []Mount
	for _, slug := range slugs {
		for _, p := range paths.All {
			if p.Slug == slug {
				out = append(out, Mount{
					Volume:   VolumePrefix + p.Slug,
					Path:     p.Path,
					HostPath: View + p.Path,
					Dir:      p.Dir,
				})
			}
		}
	}
	return out
}
