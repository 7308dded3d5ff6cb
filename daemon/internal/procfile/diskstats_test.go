package procfile

import (
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

var oneDisk = &view.Container{IO: []cgroup.DeviceIO{
	{Major: 254, Minor: 16, ReadBytes: 512}, // not of this host any more
	{Major: 254, Minor: 0, ReadBytes: 1<<20 + 511, WriteBytes: 4096, DiscardBytes: 1024, ReadIOs: 11, WriteIOs: 22, DiscardIOs: 33},
}}

func TestDiskstats(t *testing.T) {
	for name, test := range map[string]struct{ host, want string }{
		"Linux 5.5, 17 figures": {
			"   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n" +
				" 254       0 vda 97624 13957 5183594 27778 10055 40780 3273520 6430 0 11516 36224 12074 33 828280 1780 768 234\n" +
				" 254       1 vda1 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7\n",
			"   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n" +
				" 254       0 vda 11 0 2048 0 22 0 8 0 0 0 0 33 0 2 0 0 0\n" +
				" 254       1 vda1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		},
		"Linux 4.18, 15 figures": {
			" 254       0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n",
			" 254       0 vda 11 0 2048 0 22 0 8 0 0 0 0 33 0 2 0\n",
		},
		"older, 11 figures": {
			" 254       0 vda 1 2 3 4 5 6 7 8 9 10 11\n",
			" 254       0 vda 11 0 2048 0 22 0 8 0 0 0 0\n",
		},
		"wide numbers": {
			"4095 1048575 vdzz 1 2 3 4 5 6 7 8 9 10 11\n",
			"4095 1048575 vdzz 0 0 0 0 0 0 0 0 0 0 0\n",
		},
		"no disk at all": {"", ""},
	} {
		if out := mustAppend(t, &diskstats, test.host, oneDisk); out != test.want {
			t.Errorf("%s: got\n%swant\n%s", name, out, test.want)
		}
	}
}
