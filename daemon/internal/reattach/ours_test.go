package reattach

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/mountinfo"
)

// Recorded on a node with containerd: process 1, and a container that got the
// view before its daemon (superblock 0:41) was killed. The living view is 0:90.
const (
	hostMounts = `21 26 0:20 / /proc rw,relatime - proc proc rw
22 26 0:21 / /sys rw,relatime - sysfs sysfs rw
26 1 254:0 / / rw,relatime - ext4 /dev/vda rw
90 26 0:90 / /var/lib/podview/view ro,nosuid,nodev,noexec,relatime shared:9 - fuse.podview podview ro,user_id=0,group_id=0,default_permissions,allow_other,max_read=131072
`
	containerMounts = `500 400 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
501 500 0:51 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
502 500 0:52 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
503 501 0:51 /bus /proc/bus ro,nosuid,nodev,noexec,relatime - proc proc rw
504 501 0:53 / /proc/acpi ro,relatime - tmpfs tmpfs ro
`
	deadMeminfo = "510 501 0:41 /proc/meminfo /proc/meminfo ro - fuse.podview podview ro"
	openMeminfo = "511 501 0:20 /meminfo /proc/meminfo ro - proc proc rw"
	deadCPU     = "512 502 0:41 /sys/devices/system/cpu /sys/devices/system/cpu ro - fuse.podview podview ro"
)

func TestTargets(t *testing.T) {
	for name, test := range map[string]struct {
		mounts  string // on top of the container's
		onHost  bool
		want    string // PATH=IDS, uppermost mount first
		failing string
	}{
		"none":                         {mounts: ""},
		"dead":                         {mounts: deadMeminfo, want: "/proc/meminfo=510"},
		"dead, on the host":            {mounts: "510 21 0:41 /proc/meminfo /proc/meminfo ro - fuse.podview podview ro", onHost: true, want: "/proc/meminfo=510"},
		"dead, its name forgotten":     {mounts: "510 501 0:41 /proc/meminfo//deleted /proc/meminfo ro - fuse.podview podview ro", want: "/proc/meminfo=510"},
		"dead directory":               {mounts: deadCPU, want: "/sys/devices/system/cpu=512"},
		"the living view":              {mounts: "510 501 0:90 /proc/meminfo /proc/meminfo ro - fuse.podview podview ro"},
		"another living view":          {mounts: "510 501 0:42 /proc/meminfo /proc/meminfo ro - fuse.podview podview ro"},
		"a stopped view":               {mounts: "510 501 0:43 /proc/meminfo /proc/meminfo ro - fuse.podview podview ro", failing: "/proc/meminfo: "},
		"dead, of another path":        {mounts: "510 501 0:41 /proc/stat /proc/meminfo ro - fuse.podview podview ro"},
		"dead, at another place":       {mounts: "510 500 0:41 / /view ro - fuse.podview podview ro"},
		"dead, of lxcfs":               {mounts: "510 501 0:41 /proc/meminfo /proc/meminfo ro - fuse.lxcfs lxcfs ro"},
		"dead, below another /proc":    {mounts: deadMeminfo + "\n520 501 0:54 / /proc rw - proc proc rw"},
		"fail open":                    {mounts: openMeminfo, want: "/proc/meminfo=511"},
		"fail open directory":          {mounts: "511 502 0:21 /devices/system/node /sys/devices/system/node ro - sysfs sysfs rw", want: "/sys/devices/system/node=511"},
		"the host's, on the host":      {mounts: "511 21 0:20 /meminfo /proc/meminfo ro - proc proc rw", onHost: true},
		"the host's, of another path":  {mounts: "511 501 0:20 /stat /proc/meminfo ro - proc proc rw"},
		"the container's own":          {mounts: "511 501 0:51 /meminfo /proc/meminfo ro - proc proc rw"},
		"the container's own sysfs":    {mounts: "511 502 0:52 /devices/system/cpu /sys/devices/system/cpu ro - sysfs sysfs rw"},
		"a user's file":                {mounts: "511 501 254:0 /meminfo /proc/meminfo ro - ext4 /dev/vda rw"},
		"a user's file over fail open": {mounts: openMeminfo + "\n520 511 254:0 /meminfo /proc/meminfo ro - ext4 /dev/vda rw"},
		"a tmpfs":                      {mounts: "511 502 0:60 / /sys/devices/system/cpu ro - tmpfs tmpfs rw"},
		"dead over fail open":          {mounts: openMeminfo + "\n520 511 0:41 /proc/meminfo /proc/meminfo ro - fuse.podview podview ro", want: "/proc/meminfo=520,511"},
		"dead over a user's file":      {mounts: "511 501 254:0 /meminfo /proc/meminfo ro - ext4 /dev/vda rw\n520 511 0:41 /proc/meminfo /proc/meminfo ro - fuse.podview podview ro", want: "/proc/meminfo=520"},
		"the living view over dead":    {mounts: deadMeminfo + "\n520 510 0:90 /proc/meminfo /proc/meminfo ro - fuse.podview podview ro"},
		"a mask below":                 {mounts: deadCPU + "\n520 512 0:61 / /sys/devices/system/cpu/cpu0/thermal_throttle ro - tmpfs tmpfs ro", want: "/sys/devices/system/cpu=512"},
		"something else below":         {mounts: deadCPU + "\n520 512 0:6 /null /sys/devices/system/cpu/online ro - devtmpfs devtmpfs ro", failing: "/sys/devices/system/cpu/online"},
		"two":                          {mounts: deadMeminfo + "\n" + deadCPU, want: "/proc/meminfo=510 /sys/devices/system/cpu=512"},
	} {
		base := containerMounts
		if test.onHost {
			base = hostMounts
		}
		var c Container
		targets := recordedJudge(t).targets(77, parse(t, base+test.mounts), &c)
		if got := describe(targets); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if err := c.Err(); (err != nil) != (test.failing != "") || err != nil && !strings.Contains(err.Error(), test.failing) {
			t.Errorf("%s: %v, want %q", name, err, test.failing)
		}
	}
}

func recordedJudge(t *testing.T) *judge {
	mounts := parse(t, hostMounts)
	j := newJudge(host{proc: shown(mounts, "/proc"), sys: shown(mounts, "/sys")}, "0:90", "")
	j.ask = func(pid int, path string) (mountinfo.State, error) {
		t.Errorf("asked pid %d for %s", pid, path)
		return 0, nil
	}
	j.asked = map[string]mountinfo.State{"0:41": mountinfo.Dead, "0:42": mountinfo.Served, "0:43": mountinfo.Silent}
	return j
}

// Where no podview was before, what is dead is another's.
func TestLinksOnly(t *testing.T) {
	j := recordedJudge(t)
	j.linksOnly = true
	var c Container
	if got := describe(j.targets(77, parse(t, containerMounts+openMeminfo+"\n"+deadCPU), &c)); got != "/proc/meminfo=511" || c.Err() != nil {
		t.Errorf("%q, %v", got, c.Err())
	}
}

// A superblock is asked once, for all containers. No answer is no verdict.
func TestAskOnce(t *testing.T) {
	asked, answer := 0, errors.New("no such mount")
	j := recordedJudge(t)
	j.asked = map[string]mountinfo.State{}
	j.ask = func(pid int, path string) (mountinfo.State, error) {
		asked++
		if pid != 77 || path != "/proc/meminfo" {
			t.Errorf("asked pid %d for %s", pid, path)
		}
		return mountinfo.Dead, answer
	}
	var c Container
	if got := j.targets(77, parse(t, containerMounts+deadMeminfo), &c); len(got) != 0 || !errors.Is(c.Err(), answer) {
		t.Errorf("no answer: %+v, %v", got, c.Err())
	}
	answer, c = unix.ESRCH, Container{}
	if got := j.targets(77, parse(t, containerMounts+deadMeminfo), &c); len(got) != 0 || c.Err() != nil {
		t.Errorf("the process has ended: %+v, %v", got, c.Err())
	}
	answer, asked = nil, 0
	for range 3 {
		if got := j.targets(77, parse(t, containerMounts+deadMeminfo+"\n"+deadCPU), &c); len(got) != 2 || c.Err() != nil {
			t.Errorf("dead: %+v, %v", got, c.Err())
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// A process 1 without /proc and /sys says nothing about fail-open mounts.
func TestNoHost(t *testing.T) {
	j := recordedJudge(t)
	j.host = host{}
	var c Container
	if got := j.targets(77, parse(t, containerMounts+openMeminfo), &c); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestCgroupName(t *testing.T) {
	for text, want := range map[string]string{
		"0::/kubepods.slice/a.scope\n":                                   "/kubepods.slice/a.scope",
		"3:cpu,cpuacct:/other\n2:memory:/kubepods/a\n0::/system.slice\n": "/kubepods/a",
		"2:blkio,memory:/a:b\n":                                          "/a:b",
		"garbage":                                                        "",
		"":                                                               "",
	} {
		if got := cgroupPath([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func parse(t *testing.T, text string) []mountinfo.Mount {
	t.Helper()
	mounts, err := mountinfo.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return mounts
}

func describe(targets []target) string {
	var words []string
	for _, t := range targets {
		var ids []string
		for _, m := range t.mounts {
			ids = append(ids, strconv.Itoa(m.ID))
		}
		words = append(words, t.path+"="+strings.Join(ids, ","))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}
