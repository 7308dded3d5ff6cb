package confine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// roleEnv makes this binary confine itself to a role and try what it may do.
const roleEnv = "PODVIEW_CONFINE_TEST"

// roles are the processes of podview. free is none of them, to see that each
// attempt fails for no other reason.
var roles = map[string]func() error{
	"free":      func() error { return nil },
	"worker":    func() error { return Worker(WorkerNeeds{}) },
	"listening": func() error { return Worker(WorkerNeeds{Listens: true, LowPort: true, Publishes: true}) },
	"probes":    Probes,
	"guard":     Guard,
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(play(role))
	}
	os.Exit(m.Run())
}

// play prints a line for each attempt, with the error's number.
func play(role string) int {
	threads := startThreads()
	if err := roles[role](); err != nil {
		fmt.Println("confine:", err)
		return 1
	}
	for _, a := range attempts {
		fmt.Printf("%s: %d\n", a.name, errorNumber(a.try()))
	}
	for _, t := range threads {
		fmt.Printf("thread: %s\n", t())
	}
	return 0
}

func errorNumber(err error) int {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return int(errno)
	}
	if err != nil {
		return -1
	}
	return 0
}

// startThreads starts some that are there before the process is confined: one
// that waits in Go, and one that waits in the kernel.
func startThreads() (report []func() string) {
	for _, inKernel := range []bool{false, true} {
		var pipe [2]int
		if err := unix.Pipe(pipe[:]); err != nil {
			panic(err)
		}
		wake, done := make(chan bool), make(chan string)
		go func() {
			runtime.LockOSThread()
			if inKernel {
				for err := error(unix.EINTR); err == unix.EINTR; {
					_, err = unix.Read(pipe[0], make([]byte, 1))
				}
			} else {
				<-wake
			}
			status, _ := os.ReadFile("/proc/thread-self/status")
			done <- fmt.Sprintf("%s refuses %d", strings.Join(confinement(string(status)), " "), errorNumber(unix.Unshare(0)))
		}()
		time.Sleep(10 * time.Millisecond) // to be there, most likely
		report = append(report, func() string {
			if inKernel {
				_, _ = unix.Write(pipe[1], []byte{0})
			} else {
				close(wake)
			}
			return <-done
		})
	}
	return report
}

// confinement is the lines of a status that show it.
func confinement(status string) (lines []string) {
	for line := range strings.Lines(status) {
		for _, name := range []string{"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:"} {
			if strings.HasPrefix(line, name) {
				lines = append(lines, strings.Join(strings.Fields(line), ""))
			}
		}
	}
	return lines
}

// playRole returns what a process in that role could do, by attempt.
func playRole(t *testing.T, role string) (errnos map[string]int, threads []string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", role, err, out)
	}
	errnos = map[string]int{}
	for line := range strings.Lines(string(out)) {
		name, result, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if name == "thread" {
			threads = append(threads, result)
			continue
		}
		var errno int
		if _, err := fmt.Sscan(result, &errno); err != nil {
			t.Fatalf("%s prints %q", role, line)
		}
		errnos[name] = errno
	}
	if len(errnos) != len(attempts) || len(threads) != 2 {
		t.Fatalf("%s: %d attempts of %d, threads %q", role, len(errnos), len(attempts), threads)
	}
	return errnos, threads
}

func needConfinement(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if withC {
		t.Skip("this binary was built with cgo, as podview is not: CGO_ENABLED=0 go test")
	}
	if err := Filters(); err != nil {
		t.Skip(err)
	}
}

// TestAttempts: what a role may not do fails with EPERM, and would not if the
// role did not say so.
func TestAttempts(t *testing.T) {
	needConfinement(t)
	free, _ := playRole(t, "free")
	for role := range roles {
		if role == "free" {
			continue
		}
		errnos, _ := playRole(t, role)
		for _, a := range attempts {
			switch may := slices.Contains(a.may, role) || slices.Contains(a.may, "all"); {
			case may && errnos[a.name] != free[a.name]:
				t.Errorf("%s: %s: error %d, without confinement %d", role, a.name, errnos[a.name], free[a.name])
			case !may && errnos[a.name] != int(unix.EPERM):
				t.Errorf("%s: %s: error %d, not EPERM", role, a.name, errnos[a.name])
			}
		}
	}
	for _, a := range attempts {
		if free[a.name] == int(unix.EPERM) {
			t.Errorf("%s is EPERM without confinement", a.name)
		}
	}
}

// TestThreads: those that were there before are confined, too.
func TestThreads(t *testing.T) {
	needConfinement(t)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	var own uint64
	if _, err := fmt.Sscanf(strings.Join(confinement(string(status)), " ")[len("CapInh:0000000000000000 CapPrm:"):], "%x", &own); err != nil {
		t.Fatal(err)
	}
	for role, keeps := range map[string]uint64{
		"worker": 1<<unix.CAP_SYS_PTRACE | 1<<unix.CAP_DAC_READ_SEARCH,
		"probes": 0,
		"guard":  1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_DAC_READ_SEARCH,
	} {
		keeps &= own
		want := fmt.Sprintf("CapInh:%016x CapPrm:%016x CapEff:%016x CapBnd:%016x CapAmb:%016x NoNewPrivs:1 Seccomp:2 refuses %d", 0, keeps, keeps, keeps, 0, unix.EPERM)
		_, threads := playRole(t, role)
		for _, got := range threads {
			if got != want {
				t.Errorf("%s:\n%s, want\n%s", role, got, want)
			}
		}
	}
}

func TestOlderThan(t *testing.T) {
	for release, want := range map[string]bool{
		"5.18.0": true, "5.19.0": false, "4.20": true, "6.1.0-44-cloud-amd64": false, "5.19-rc1": false, "": true, "x": true,
	} {
		if got := olderThan(release, 5, 19); got != want {
			t.Errorf("%q: %t", release, got)
		}
	}
}
