// Package conformance checks that what a container reads through podview
// behaves like the kernel's own files and tells the truth.
//
// The checks of [suite] first run on the kernel's own /proc and /sys
// (TestOracle): what does not hold there is not asked of the view. They then
// run in real containers (cgroups, namespaces, bind mounts), made and steered
// from outside by the other tests. Everything is in test files: build with
// CGO_ENABLED=0 go test -c, and run the result as root on cgroup v1 or v2.
//
//	PODVIEW=/path/podview   the binary to test (default ../bin/podview)
//	VIEW=/dir               test this mounted tree instead (lxcfs's, say)
package conformance
