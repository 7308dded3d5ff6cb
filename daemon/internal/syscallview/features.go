package syscallview

import (
	"fmt"
	"slices"
	"strings"
)

// Feature is one system call whose answers can be the container's own.
type Feature string

// The features, as --syscalls names them.
const (
	Sysinfo  Feature = "sysinfo"  // sysinfo(2)
	Affinity Feature = "affinity" // sched_getaffinity(2)
)

// Features are all of them.
var Features = []Feature{Sysinfo, Affinity}

// programs are the feature's, by the names of their C functions. The others
// stay unloaded.
func (f Feature) programs() []string {
	if f == Sysinfo {
		return []string{"sysinfo", "sysinfo_compat"}
	}
	return []string{"getaffinity", "getaffinity_compat", "setaffinity", "setaffinity_compat"}
}

// Parse reads a comma-separated list of features, each at most once. The empty
// text is none.
func Parse(text string) (features []Feature, err error) {
	if text == "" {
		return nil, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		f := Feature(name)
		if !slices.Contains(Features, f) {
			return nil, fmt.Errorf("%q is not sysinfo or affinity", name)
		}
		if slices.Contains(features, f) {
			return nil, fmt.Errorf("%q is named twice", name)
		}
		features = append(features, f)
	}
	return features, nil
}
