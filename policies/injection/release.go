package injection

import (
	"errors"
	"fmt"
	"slices"
)

// Release is what one version's daemon serves and its policies mount, by slug.
type Release struct {
	Version string   `json:"version"`
	Served  []string `json:"served"`
	Mounted []string `json:"mounted"`
}

// Current is this tree's.
func Current(version string, served []string) Release {
	r := Release{Version: version, Served: served}
	for _, v := range Variants() {
		for _, m := range v.Mounts {
			r.Mounted = append(r.Mounted, m.Volume[len(VolumePrefix):])
		}
	}
	return r
}

// Apart is nil when each release's daemon serves what the policies of its own,
// of the one before and of the one after mount. While nodes are updated one by
// one, and when they are rolled back, each of them meets the others.
func Apart(releases []Release) error {
	var errs []error
	for i, daemon := range releases {
		for j := max(i-1, 0); j <= min(i+1, len(releases)-1); j++ {
			policies := releases[j]
			for _, slug := range policies.Mounted {
				if !slices.Contains(daemon.Served, slug) {
					errs = append(errs, fmt.Errorf("policies %s mount %s, which daemon %s does not serve", policies.Version, slug, daemon.Version))
				}
			}
		}
	}
	return errors.Join(errs...)
}
