package e2e

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/image"
)

// agesScript prints what programs tell of a container's age, NAME VALUE a
// line. The first busybox's uptime asks sysinfo(2).
const agesScript = `sleep 2
echo uptime $(cut -d' ' -f1 /proc/uptime)
echo btime $(sed -n 's/^btime //p' /proc/stat)
echo etimes $(/usr/bin/ps -o etimes= -p 1)
echo lstart $(date -D '%a %b %e %T %Y' -d "$(/usr/bin/ps -o lstart= -p 1)" +%s)
echo executed $(/usr/bin/ps -o etimes= -p $$)
echo now $(date +%s)
echo sysinfo $(busybox uptime | sed -n 's/.* up *\([0-9]*\) min,.*/\1/p')
echo top $(TERM=dumb /usr/bin/top -b -n 1 | sed -n '1s/.* up *\([0-9]*\) min,.*/\1/p')
echo older $(/usr/bin/pgrep --older 1 | grep -c '^1$')
echo oldest $(/usr/bin/pgrep --older 100000 | wc -l)
echo namespace $(readlink /proc/self/ns/time)`

// age is what agesScript prints.
type age struct {
	numbers   map[string]float64
	namespace string
}

func parseAge(text string) (age, error) {
	a := age{numbers: map[string]float64{}}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "namespace" {
			a.namespace = value
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return a, fmt.Errorf("%s is %q, in:\n%s", name, value, text)
		}
		a.numbers[name] = n
	}
	if !regexp.MustCompile(`^time:\[[0-9]+\]$`).MatchString(a.namespace) || len(a.numbers) != 10 {
		return a, fmt.Errorf("not all is told:\n%s", text)
	}
	return a, nil
}

// check compares with a container that is at most this many seconds old. A
// btime has no fraction, so that lstart is up to two seconds early.
func (a age) check(most float64) (problems error) {
	now := a.numbers["now"]
	for name, want := range map[string][2]float64{
		"uptime": {2, most}, "etimes": {1, most}, "executed": {1, most}, "older": {1, 1}, "oldest": {0, 0},
		"sysinfo": {0, most/60 + 1}, "top": {0, most / 60},
		"btime": {now - most - 2, now}, "lstart": {now - most - 2, now},
	} {
		if got := a.numbers[name]; got < want[0] || got > want[1] {
			problems = errors.Join(problems, fmt.Errorf("%s is %.2f, want %.2f to %.2f", name, got, want[0], want[1]))
		}
	}
	return problems
}

func TestParseAge(t *testing.T) {
	const good = "uptime 2.5\nbtime 1000\netimes 2\nlstart 1001\nexecuted 2\nnow 1004\nsysinfo 0\ntop 0\nolder 1\noldest 0\nnamespace time:[4026532200]\n"
	if a, err := parseAge(good); err != nil || a.check(3) != nil || a.namespace != "time:[4026532200]" {
		t.Errorf("%+v, %v, %v", a, err, a.check(3))
	}
	for _, change := range [][2]string{
		{"uptime 2.5", "uptime 7000.5"}, {"etimes 2", "etimes 4123167424"}, {"btime 1000", "btime 100"}, {"lstart 1001", "lstart 1005"},
		{"older 1", "older 0"}, {"oldest 0", "oldest 2"}, {"sysinfo 0", "sysinfo 55"}, {"top 0", "top 55"}, {"executed 2", "executed 9"},
	} {
		a, err := parseAge(strings.Replace(good, change[0], change[1], 1))
		if err != nil || a.check(3) == nil {
			t.Errorf("%s is right, %v", change[1], err)
		}
	}
	for _, change := range [][2]string{{"sysinfo 0", "sysinfo"}, {"older 1\n", ""}, {"time:[4026532200]", ""}} {
		if a, err := parseAge(strings.Replace(good, change[0], change[1], 1)); err == nil {
			t.Errorf("without %q: %+v", change[0], a)
		}
	}
}

// isOld: what programs in the container tell fits one that was made after
// since, and has a time namespace of its own.
func (s *space) isOld(pod string, since time.Time) age {
	s.Helper()
	a, err := parseAge(s.exec(pod, "sh", "-c", agesScript))
	if err == nil {
		err = a.check(time.Since(since).Seconds())
	}
	if err != nil {
		s.Errorf("%s: %v", pod, err)
	}
	if a.namespace == s.nodeTime() {
		s.Errorf("%s is in %s, as the node is", pod, a.namespace)
	}
	return a
}

// nodeTime is the node's own time namespace.
func (s *space) nodeTime() string {
	s.Helper()
	return strings.TrimSpace(s.onHost("readlink", "/proc/1/ns/time"))
}

// TestNRITimeNamespace: uptime and ages of processes agree in every program.
func TestNRITimeNamespace(t *testing.T) {
	withNRI(t, nriOnly, "nri-time-namespace")
	scenario(t, "ages", enforced("restricted"), func(s *space) {
		s.begin()
		since := time.Now()
		s.pod("pod", hardened("main", "128Mi"))
		s.isOld("pod", since)
		s.sees("pod", mebi128)
		s.mountedOnce("pod")
		s.neverRestarted("pod")
	})
	scenario(t, "ages with hostUsers false", enforced("restricted"), func(s *space) {
		s.begin()
		since := time.Now()
		s.pod("pod", hardened("main", "128Mi", "hostUsers: false"))
		s.isOld("pod", since)
		s.neverRestarted("pod")
	})
	scenario(t, "ages of a restarted container", enforced("restricted"), restartedContainer)
	scenario(t, "ages with hostPID", optedIn, func(s *space) {
		s.begin()
		s.pod("pod", hardened("main", "128Mi", "hostPID: true"))
		if got, want := strings.TrimSpace(s.exec("pod", "readlink", "/proc/self/ns/time")), s.nodeTime(); got != want {
			s.Errorf("it is in %s, the node in %s", got, want)
		}
		s.sees("pod", mebi128)
		s.neverRestarted("pod")
	})
	scenario(t, "ages with shareProcessNamespace", enforced("restricted"), func(s *space) {
		s.begin()
		since := time.Now()
		s.pod("pod", hardened("one", "128Mi", "shareProcessNamespace: true"))
		s.isOld("pod", since)
		s.neverRestarted("pod")
	})
	scenario(t, "ages in debug --target", enforced("restricted"), func(s *space) {
		s.begin()
		since := time.Now()
		s.pod("pod", hardened("main", "128Mi"))
		s.kubectl("debug", "pod", "--container=debugger", "--target=main", "--profile=restricted",
			"--image="+image.Busybox, "--image-pull-policy=Never", "--", "sleep", "infinity")
		s.until(30*time.Second, "the debugger to run", func() error {
			_, err := s.tryExec("pod:debugger", "true")
			return err
		})
		s.isOld("pod:debugger", since)
	})
	alone(t, "ages when podview is restarted", enforced("restricted"), restartedPodview)
}

// restartedContainer is as young as its processes.
func restartedContainer(s *space) {
	s.begin()
	since := time.Now()
	s.pod("pod", strings.Replace(hardened("main", "128Mi"), "SLEEP", `BUSYBOX, command: [sh, -c, "trap exit TERM; while :; do sleep 0.1; done"]`, 1))
	s.isOld("pod", since)
	since = time.Now()
	s.exec("pod", "kill", "1")
	s.until(time.Minute, "the container to be started again", func() error {
		if n := s.restarts("pod"); n != "1" {
			return fmt.Errorf("it was %s times", n)
		}
		return nil
	})
	s.ready("pod/pod")
	s.isOld("pod", since) // the old namespace's number may be used again
}

// restartedPodview: the namespace is the container's, whatever becomes of
// podview and its plugin, and the next one goes on with it.
func restartedPodview(s *space) {
	s.begin()
	since := time.Now()
	s.pod("before", hardened("main", "128Mi"))
	was := s.isOld("before", since)
	pod := s.podviewPod()
	kube(s.T, 2*time.Minute, "", "-n", "podview-system", "delete", "pod", pod, "--grace-period=1")
	s.podviewReady(pod)
	s.connected(0)
	s.comesToSee("before", mebi128)
	if now := s.isOld("before", since); now.namespace != was.namespace {
		s.Errorf("it was in %s, and is in %s", was.namespace, now.namespace)
	}
	since = time.Now()
	s.pod("after", hardened("main", "128Mi"))
	s.isOld("after", since)
	for _, pod := range []string{"before", "after"} {
		s.neverRestarted(pod)
	}
}
