package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/cluster"
)

func TestNRIRuntime(t *testing.T) {
	withNRI(t, nriOnly)
	alone(t, "required plugin", enforced("restricted"), requiredPlugin)
	alone(t, "time per create", enforced("restricted"), timePerCreate)
}

// requiredPlugin: a program that reads its memory size once, at its start, does
// not start without the plugin. The nodes' runtimes are told to check that.
func requiredPlugin(s *space) {
	s.begin()
	before := s.connections()
	s.stop("^/podview-nri ")
	// The runtime disconnects the plugin.
	s.pod("open", hardened("main", "128Mi"))
	s.sees("open", s.host())
	once := strings.Replace(hardened("main", "128Mi"), "SLEEP", `BUSYBOX, command: [sh, -c, "grep MemTotal /proc/meminfo; exec sleep infinity"]`, 1)
	s.apply(s.manifest("closed", `{}, annotations: {required-plugins.noderesource.dev: '["podview"]'}`, once))
	s.until(60*time.Second, "the runtime to refuse the pod", func() error {
		message := s.kubectl("get", "pod", "closed", "-o", "jsonpath={.status.containerStatuses[*].state.waiting}")
		if !strings.Contains(message, "required plugin") || !strings.Contains(message, "not present") {
			return fmt.Errorf("it waits for %q", message)
		}
		return nil
	})
	s.goOn("^/podview-nri ")
	s.connected(before)
	s.ready("pod/closed")
	if got := strings.Fields(s.kubectl("logs", "closed")); !slices.Equal(got, []string{"MemTotal:", "131072", "kB"}) {
		s.Errorf("at its start the program read %q", got)
	}
	s.neverRestarted("closed")
}

const creates = 10

// timePerCreate is for people to read: what CreateContainer takes, by the times
// in containerd's log.
func timePerCreate(s *space) {
	s.begin()
	create := func(pod, labels string) {
		spec := hardened(pod+"-0", "32Mi")
		var more strings.Builder
		for i := range creates - 1 {
			fmt.Fprintf(&more, "- {name: %s-%d, SLEEP, resources: {limits: {memory: 32Mi}, requests: {cpu: 1m}}, %s}\n", pod, i+1, unprivileged)
		}
		s.apply(s.manifest(pod, labels, strings.TrimRight(spec, "\n")+"\n"+more.String()))
		s.ready("pod/" + pod)
		log, err := os.ReadFile(s.runtimeLog())
		if err != nil {
			s.Fatal(err)
		}
		took, err := createTimes(string(log), pod)
		if err != nil {
			s.Fatal(err)
		}
		slices.Sort(took)
		s.Logf("%-14s CreateContainer of %d containers: least %s, median %s, most %s", pod, len(took), took[0], took[len(took)/2], took[len(took)-1])
	}
	create("mounted", "{}")
	create("opted-out", "{podview.dev/inject: disabled}")
	before := s.connections()
	s.stop("^/podview-nri ")
	s.pod("disconnects", hardened("main", "32Mi"))
	create("no-plugin", "{}")
	s.goOn("^/podview-nri ")
	s.connected(before)
}

func (s *space) runtimeLog() string {
	if s.node.host == cluster.NodeName {
		return filepath.Join(running.LogDir(), "containerd.log")
	}
	return filepath.Join(running.LogDir(), "v2.log") // the console
}

var createLine = regexp.MustCompile(`time="([^"]+)" level=info msg="CreateContainer within sandbox .* for (container )?name:\\"([^"\\]+)\\"( returns container id)?`)

// createTimes are what the creates of a pod's containers took, which are all
// named after it.
func createTimes(log, pod string) ([]time.Duration, error) {
	began := map[string]time.Time{}
	var took []time.Duration
	for _, m := range createLine.FindAllStringSubmatch(log, -1) {
		name := m[3]
		if !strings.HasPrefix(name, pod+"-") {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, m[1])
		if err != nil {
			return nil, err
		}
		if m[2] != "" {
			began[name] = at
		} else if start, ok := began[name]; ok && m[4] != "" {
			took = append(took, at.Sub(start))
		}
	}
	if len(took) != creates {
		return nil, fmt.Errorf("the runtime's log has %d creates of %s, want %d", len(took), pod, creates)
	}
	return took, nil
}

func TestCreateTimes(t *testing.T) {
	line := func(second int, name, more string) string {
		return fmt.Sprintf(`[  9.1] time="2026-11-26T00:29:%02d.5Z" level=info msg="CreateContainer within sandbox \"e72b\" for %s"`, second, strings.ReplaceAll(name, `"`, `\"`)) + more + "\n"
	}
	var log string
	for i := range creates {
		log += line(i, fmt.Sprintf(`container name:"pod-%d"`, i), "") + line(i+3, fmt.Sprintf(`name:"pod-%d" returns container id "28d5"`, i), "\r")
	}
	got, err := createTimes(log, "pod")
	if err != nil || len(got) != creates || got[0] != 3*time.Second {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := createTimes(log, "other"); err == nil {
		t.Errorf("of another pod it has %v", got)
	}
}
