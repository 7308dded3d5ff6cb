package procfile

import (
	"testing"

	"github.com/podview/podview/daemon/internal/view"
)

func TestPressure(t *testing.T) {
	const some = "some avg10=0.19 avg60=12.37 avg300=1.99 total=44391524\n"
	const full = "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
	for _, f := range []*File{&pressureCPU, &pressureIO, &pressureMemory} {
		for _, good := range []string{some + full, some /* cpu before 5.13 */, full /* irq */} {
			if out := mustAppend(t, f, "the host's", &view.Container{Raw: []byte(good)}); out != good {
				t.Errorf("%s: %q became %q", f.Path, good, out)
			}
		}
		for _, bad := range []string{
			"", "\n", some + "\n", some[:20], some + full[:len(full)-1],
			"most avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
			"some avg10=0.00 avg60=0.00 total=0\n",
			"some avg10=0.00 avg60=0.00 avg300=0.00 total=0 more\n",
			"some avg10=0.00 avg60=-1.00 avg300=0.00 total=0\n",
			"some avg10=0.00 avg60=0.00 avg300=0.0 total=0\n",
			"some avg10=0 avg60=0.00 avg300=0.00 total=0\n",
			"some avg10=0.00 avg60=0.00 avg300=0.00 total=1.00\n",
			"some avg10=0.00 avg60=0.00 avg300=0.00 total=99999999999999999999\n",
		} {
			if out, err := f.Append(nil, []byte(some), &view.Container{Raw: []byte(bad)}); err == nil {
				t.Errorf("%s: %q became %q", f.Path, bad, out)
			}
		}
	}
}
