package caller

import (
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
)

const (
	id1 = "3f29c1b2a4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f"
	id2 = "aaaac1b2a4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f"
)

func TestContainerLevel(t *testing.T) {
	for name, tc := range map[string]struct{ path, want string }{
		"kubelet cgroupfs":         {"/kubepods/burstable/podd25034-4b/" + id1, "/kubepods/burstable/podd25034-4b/" + id1},
		"guaranteed pod":           {"/kubepods/podd25034-4b/" + id1, "/kubepods/podd25034-4b/" + id1},
		"short container name":     {"/kubepods/burstable/podX/ctr", "/kubepods/burstable/podX/ctr"},
		"inner cgroup":             {"/kubepods/burstable/podX/ctr/app/worker", "/kubepods/burstable/podX/ctr"},
		"a pod in the pod":         {"/kubepods/podX/ctr/podman/app", "/kubepods/podX/ctr"},
		"systemd driver":           {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-" + id1 + ".scope", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-" + id1 + ".scope"},
		"systemd driver, inner":    {"/kubepods.slice/kubepods-pod1.slice/crio-" + id1 + ".scope/container", "/kubepods.slice/kubepods-pod1.slice/crio-" + id1 + ".scope"},
		"kind":                     {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod1.slice/cri-containerd-" + id1 + ".scope", "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod1.slice/cri-containerd-" + id1 + ".scope"},
		"node in docker, cgroupfs": {"/docker/" + id1 + "/kubelet/kubepods/podX/" + id2 + "/inner", "/docker/" + id1 + "/kubelet/kubepods/podX/" + id2},
		"docker":                   {"/docker/" + id1, "/docker/" + id1},
		"docker systemd":           {"/system.slice/docker-" + id1 + ".scope", "/system.slice/docker-" + id1 + ".scope"},
		"podman":                   {"/machine.slice/libpod-" + id1 + ".scope/container", "/machine.slice/libpod-" + id1 + ".scope"},
		"pod level only":           {"/kubepods/burstable/podX", ""},
		"a session":                {"/user.slice/user-0.slice/session-1.scope", ""},
		"a service":                {"/system.slice/ssh.service", ""},
		"a name like a pod":        {"/podview/podX/ctr", ""},
		"root":                     {"/", ""},
		"63 digits":                {"/docker/" + id1[1:], ""},
		"upper case is no id":      {"/docker/" + strings.ToUpper(id1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := containerLevel(tc.path)
			if got != tc.want || ok != (tc.want != "") {
				t.Errorf("containerLevel(%q) = %q, %t; want %q", tc.path, got, ok, tc.want)
			}
		})
	}
}

func TestContainerPlace(t *testing.T) {
	for name, tc := range map[string]struct{ own, init, leaf, root string }{
		"init itself":                     {"/a/ctr", "/a/ctr", "/a/ctr", "/a/ctr"},
		"inner cgroup":                    {"/a/ctr/in/ner", "/a/ctr", "/a/ctr/in/ner", "/a/ctr"},
		"systemd as init":                 {"/a/ctr/system.slice/x.service", "/a/ctr/init.scope", "/a/ctr/system.slice/x.service", "/a/ctr"},
		"systemd itself":                  {"/a/ctr/init.scope", "/a/ctr/init.scope", "/a/ctr/init.scope", "/a/ctr"},
		"shared with a pause container":   {"/kubepods/podX/ctr/in", "/kubepods/podX/pause", "/kubepods/podX/ctr/in", "/kubepods/podX/ctr"},
		"shared, names that say nothing":  {"/x/pod/ctr", "/x/pod/pause", "/x/pod/ctr", "/x/pod/ctr"},
		"sibling with a common prefix":    {"/x/ctr10", "/x/ctr1", "/x/ctr10", "/x/ctr10"},
		"entered from a host shell":       {"/user.slice/session-1.scope", "/kubepods/podX/ctr", "/kubepods/podX/ctr", "/kubepods/podX/ctr"},
		"entered from the root cgroup":    {"/", "/x/ctr", "/x/ctr", "/x/ctr"},
		"entered from the parent cgroup":  {"/x", "/x/ctr", "/x/ctr", "/x/ctr"},
		"hierarchy that confines nobody":  {"/", "/", "/", "/"},
		"init in the root, caller is not": {"/x/y", "/", "/x/y", "/x/y"},
		"host systemd as init":            {"/x/y", "/init.scope", "/x/y", "/x/y"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := containerPlace(tc.own, tc.init), (cgroup.Place{Leaf: tc.leaf, Root: tc.root}); got != want {
				t.Errorf("containerPlace(%q, %q) = %+v, want %+v", tc.own, tc.init, got, want)
			}
		})
	}
}

func FuzzContainerPlace(f *testing.F) {
	f.Add("/kubepods/podX/ctr/in", "/kubepods/podX/pause")
	f.Add("/a/ctr/init.scope", "/a/ctr/init.scope")
	f.Add("/", "/")
	f.Fuzz(func(t *testing.T, own, init string) {
		if !strings.HasPrefix(own, "/") || !strings.HasPrefix(init, "/") {
			t.Skip()
		}
		p := containerPlace(own, init)
		if p.Leaf == "" || p.Root == "" || !isBelow(p.Leaf, p.Root) {
			t.Errorf("containerPlace(%q, %q) = %+v: Root is not above Leaf", own, init, p)
		}
	})
}
