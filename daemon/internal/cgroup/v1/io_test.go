package v1

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

func TestIO(t *testing.T) {
	const throttle, bfq = "pod/ctr/blkio.throttle.", "pod/ctr/blkio.bfq."
	recursive := files{
		throttle + "io_service_bytes_recursive": "8:0 Read 10\n8:0 Write 200\n8:0 Total 210\nTotal 210\n",
		throttle + "io_serviced_recursive":      "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3\n",
		bfq + "io_service_bytes_recursive":      "8:0 Read 100\n8:0 Write 20\n253:1 Discard 7\nTotal 127\n",
		bfq + "io_serviced_recursive":           "8:0 Read 5\n253:1 Discard 1\nTotal 6\n",
		throttle + "io_service_bytes":           "8:0 Read 9\nTotal 9\n",
		throttle + "io_serviced":                "8:0 Read 8\nTotal 8\n",
	}
	noBFQ := files{bfq + "io_service_bytes_recursive": "-", bfq + "io_serviced_recursive": "-"}
	old := maps.Clone(noBFQ)
	old[throttle+"io_service_bytes_recursive"], old[throttle+"io_serviced_recursive"] = "-", "-"
	for name, test := range map[string]struct {
		changes files
		want    []cgroup.DeviceIO
	}{
		"larger of both": {files{}, []cgroup.DeviceIO{
			{Major: 8, ReadBytes: 100, WriteBytes: 200, ReadIOs: 5, WriteIOs: 2},
			{Major: 253, Minor: 1, DiscardBytes: 7, DiscardIOs: 1},
		}},
		"no bfq":           {noBFQ, []cgroup.DeviceIO{{Major: 8, ReadBytes: 10, WriteBytes: 200, ReadIOs: 1, WriteIOs: 2}}},
		"before recursive": {old, []cgroup.DeviceIO{{Major: 8, ReadBytes: 9, ReadIOs: 8}}},
	} {
		s, _ := open(t, "blkio", cgrouptest.With(recursive, test.changes))
		if got, err := s.IO(inner, make([]cgroup.DeviceIO, 5)); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: got %+v, error %v, want %+v", name, got, err, test.want)
		}
	}
	file := bfq + "io_serviced_recursive"
	s, dir := open(t, "blkio", cgrouptest.With(recursive, files{file: "8:0 Read -1\n"}))
	_, err := s.IO(inner, nil)
	cgrouptest.WantMalformed(t, err, dir+"/"+file, "8:0 Read -1\n")
	s, _ = open(t, "blkio", files{"pod/ctr/": ""})
	if _, err := s.IO(inner, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no files: got error %v", err)
	}
}
