package nri

import (
	"testing"

	"github.com/containerd/nri/pkg/api"
)

func TestSparesUnmasked(t *testing.T) {
	insists := map[string]string{"podview.dev/inject": "enabled", "podview.dev/inject-unmasked": "enabled"}
	sys := func(options ...string) *api.Container {
		return &api.Container{Mounts: []*api.Mount{
			{Destination: "/proc", Type: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Options: options},
			{Destination: "/data", Type: "bind", Options: []string{"rbind", "rw"}},
		}}
	}
	for name, test := range map[string]struct {
		labels    map[string]string
		container *api.Container
		want      bool
	}{
		"usual":               {nil, sys("nosuid", "noexec", "nodev", "ro"), true},
		"insists":             {insists, sys("ro"), false},
		"another value":       {map[string]string{"podview.dev/inject-unmasked": "yes"}, sys("ro"), true},
		"privileged":          {nil, sys("nosuid", "noexec", "nodev", "rw"), false},
		"privileged, default": {nil, sys("nosuid"), false},
		"no /sys":             {nil, &api.Container{}, true},
	} {
		if got := sparesUnmasked(&api.PodSandbox{Labels: test.labels}, test.container); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
