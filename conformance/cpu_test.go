package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/podview/podview/daemon/paths"
)

var cpuinfoChecks = map[string]check{
	"the kernel's lines in its order": func(t *testing.T, p *process) {
		want := kernel().cpuinfo(t)[0].keys
		for i, s := range p.cpuinfo(t) {
			if !slices.Equal(s.keys, want) {
				t.Errorf("processor %d: lines %q, the kernel's are %q", i, s.keys, want)
			}
		}
	},
	"every file has the same CPUs": cpusAgree,
	"no sibling is missing":        siblingsExist,
}

// cpusOf counts the CPUs in every file that has them. A file that doesn't
// number them as the others is an error.
func cpusOf(t testing.TB, p *process) (want []int) {
	t.Helper()
	for _, s := range p.cpuinfo(t) {
		want = append(want, int(number(t, s.values["processor"])))
	}
	got := map[string][]int{}
	for _, cpu := range p.stat(t).cpus {
		got["/proc/stat"] = append(got["/proc/stat"], cpu.number)
	}
	for _, list := range []string{"online", "present", "possible"} {
		got[list] = p.cpuList(t, paths.CPUDir+"/"+list)
	}
	for _, e := range p.readDir(t, paths.CPUDir) {
		if n, err := strconv.Atoi(strings.TrimPrefix(e.Name, "cpu")); err == nil && strings.HasPrefix(e.Name, "cpu") {
			got["cpuN directories"] = append(got["cpuN directories"], n)
		}
	}
	slices.Sort(got["cpuN directories"])
	for file, cpus := range got {
		if !slices.Equal(cpus, want) {
			t.Errorf("%s has CPUs %v, cpuinfo has %v", file, cpus, want)
		}
	}
	return want
}

func cpusAgree(t *testing.T, p *process) {
	cpus := cpusOf(t, p)
	var ofNodes []int
	for _, n := range p.cpuList(t, paths.NodeDir+"/online") {
		ofNodes = append(ofNodes, p.cpuList(t, fmt.Sprintf("%s/node%d/cpulist", paths.NodeDir, n))...)
	}
	slices.Sort(ofNodes)
	if !slices.Equal(ofNodes, cpus) {
		t.Errorf("the nodes have CPUs %v, cpuinfo has %v", ofNodes, cpus)
	}
}

// siblingsExist: lscpu and hwloc follow the topology to other CPUs.
func siblingsExist(t *testing.T, p *process) {
	online := p.cpuList(t, paths.CPUDir+"/online")
	for _, cpu := range online {
		dir := fmt.Sprintf("%s/cpu%d/topology/", paths.CPUDir, cpu)
		for _, list := range []string{"thread_siblings_list", "core_siblings_list", "core_cpus_list", "package_cpus_list"} {
			if _, errno := kernel().mode(t, paths.CPUDir+"/cpu0/topology/"+list); errno == syscall.ENOENT {
				continue // an older kernel
			}
			siblings := p.cpuList(t, dir+list)
			if !slices.Contains(siblings, cpu) {
				t.Errorf("%s%s: %v is without the CPU itself", dir, list, siblings)
			}
			for _, s := range siblings {
				if !slices.Contains(online, s) {
					t.Errorf("%s%s has CPU %d, online are %v", dir, list, s, online)
				}
			}
		}
	}
	for _, s := range p.cpuinfo(t) {
		for _, key := range []string{"siblings", "cpu cores"} {
			if text := s.values[key]; text != "" && number(t, text) > uint64(len(online)) {
				t.Errorf("cpuinfo: %s: %s with %d CPUs", key, text, len(online))
			}
		}
	}
}

func TestCPUCount(t *testing.T) {
	host := len(kernel().cpuinfo(t))
	for _, test := range []struct {
		name string
		limits
		want int
	}{
		{"neither", limits{}, host},
		{"half a CPU", limits{cpuMilli: 500}, 1},
		{"quota 1", limits{cpuMilli: 1000}, 1},
		{"quota 1.5", limits{cpuMilli: 1500}, min(2, host)},
		{"quota above the host", limits{cpuMilli: 1000 * (host + 3)}, host},
		{"cpuset", limits{cpuset: "0"}, 1},
		{"cpuset without CPU 0", limits{cpuset: strconv.Itoa(host - 1)}, 1},
		{"cpuset is tighter", limits{cpuset: "0", cpuMilli: 2000}, 1},
		{"quota is tighter", limits{cpuset: fmt.Sprintf("0-%d", host-1), cpuMilli: 1000}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := startContainer(t, test.limits)
			if got := len(cpusOf(t, c.process)); got != test.want {
				t.Errorf("%d CPUs, want %d", got, test.want)
			}
			checkPrograms(t, c, test.want)
		})
	}
}

// checkPrograms: what glibc finds in the files, and nproc.
func checkPrograms(t *testing.T, c *container, want int) {
	t.Helper()
	if got := c.run(t, needProgram(t, "getconf"), "_NPROCESSORS_CONF"); got != fmt.Sprintln(want) {
		t.Errorf("getconf _NPROCESSORS_CONF prints %q, want %d", got, want)
	}
	nproc := needProgram(t, "nproc")
	if want <= 2 {
		// gnulib thinks that /sys isn't mounted where it finds no more than
		// two, and takes sched_getaffinity(2)'s then; a quota isn't in that.
		want = max(want, int(number(t, strings.TrimSpace(c.run(t, nproc)))))
	}
	if got := c.run(t, nproc, "--all"); got != fmt.Sprintln(want) {
		t.Errorf("nproc --all prints %q, want %d", got, want)
	}
}

func TestCPUQuotaOfPodIsTighter(t *testing.T) {
	pod := podPath()
	newGroup(t, pod, limits{cpuMilli: 1000})
	c := startIn(t, newGroup(t, pod+"/"+ctrName("c"), limits{}), viewDir(t))
	if got := len(cpusOf(t, c.process)); got != 1 {
		t.Errorf("%d CPUs, the pod has a quota of 1", got)
	}
}

func TestCPUQuotaChangesLive(t *testing.T) {
	c := startContainer(t, limits{cpuMilli: 1000})
	for _, step := range []struct {
		limits
		want int
	}{{limits{cpuMilli: 1000}, 1}, {limits{cpuMilli: 2000}, 2}, {limits{cpuset: "0"}, 1}, {limits{}, 2}, {limits{cpuMilli: 500}, 1}} {
		c.group.set(t, step.limits)
		want := min(step.want, len(kernel().cpuinfo(t)))
		if got := len(cpusOf(t, c.process)); got != want {
			t.Errorf("%+v: %d CPUs, want %d", step.limits, got, want)
		}
	}
}

func TestCPUViewCpuset(t *testing.T) {
	s := privateServe(t, "--cpu-view=cpuset")
	for name, test := range map[string]struct {
		limits
		want int
	}{
		"quota":  {limits{cpuMilli: 500}, len(kernel().cpuinfo(t))},
		"cpuset": {limits{cpuset: "0", cpuMilli: 500}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), test.limits), s.dir)
			if got := len(cpusOf(t, c.process)); got != test.want {
				t.Errorf("%d CPUs, want %d", got, test.want)
			}
		})
	}
}

// run runs a program in the container and returns what it prints.
func (p *process) run(t testing.TB, argv ...string) string {
	t.Helper()
	var out Output
	p.call(t, "Run", argv, &out)
	if out.Code != 0 {
		t.Fatalf("%q: exit code %d\n%s%s", argv, out.Code, out.Stdout, out.Stderr)
	}
	return out.Stdout
}
