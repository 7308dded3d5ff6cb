package handover

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrStranger: who is at the other end is no podview of this node.
var ErrStranger = errors.New("it is no podview")

// check says why whoever is at the other end is not to be talked to. uid 0 is
// not enough, because containers have it: it must be in our pid and user
// namespaces with CAP_SYS_ADMIN there. Who has that can do all that podview
// can. That it runs podview keeps other such programs from meddling by
// mistake.
func (p peer) check() error {
	cred, pidfd, err := p.credentials()
	if err != nil {
		return fmt.Errorf("peer credentials: %w", err)
	}
	if pidfd >= 0 {
		defer unix.Close(pidfd)
	}
	if cred.Uid != 0 {
		return fmt.Errorf("%w: process %d of uid %d is not root", ErrStranger, cred.Pid, cred.Uid)
	}
	err = judge(int(cred.Pid))
	// Its number may have become another's meanwhile.
	if err == nil && pidfd >= 0 && errors.Is(unix.PidfdSendSignal(pidfd, 0, nil, 0), unix.ESRCH) {
		err = errors.New("it has ended")
	}
	if err != nil {
		return fmt.Errorf("%w: process %d, cgroup %q: %w", ErrStranger, cred.Pid, cgroupOf(int(cred.Pid)), err)
	}
	return nil
}

// credentials are those of when it connected, or began to listen. The pidfd
// is -1 before Linux 6.5, which can't tell (SO_PEERPIDFD).
func (p peer) credentials() (cred *unix.Ucred, pidfd int, err error) {
	raw, err := p.conn.SyscallConn()
	if err != nil {
		return nil, -1, err
	}
	errControl := raw.Control(func(fd uintptr) {
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err != nil {
			return
		}
		if pidfd, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PEERPIDFD); err != nil {
			pidfd, err = -1, nil
		}
	})
	return cred, pidfd, errors.Join(err, errControl)
}

// judge looks at a process that says it is root.
func judge(pid int) error {
	if pid <= 0 {
		return errors.New("it is in another pid namespace")
	}
	for _, namespace := range []string{"pid", "user"} {
		its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, namespace))
		if err != nil {
			return err
		}
		ours, err := os.Readlink("/proc/self/ns/" + namespace)
		if err != nil {
			return err
		}
		if its != ours {
			return fmt.Errorf("its %s namespace is %s, ours %s", namespace, its, ours)
		}
	}
	if err := mayMount(pid); err != nil {
		return err
	}
	exe := fmt.Sprintf("/proc/%d/exe", pid)
	is, err := isPodview(exe)
	if err == nil && !is {
		name, _ := os.Readlink(exe)
		err = fmt.Errorf("it runs %q", name)
	}
	return err
}

// mayMount looks for CAP_SYS_ADMIN.
func mayMount(pid int) error {
	file := fmt.Sprintf("/proc/%d/status", pid)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(text), "\nCapEff:")
	line, _, _ := strings.Cut(rest, "\n")
	effective, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return fmt.Errorf("%s: CapEff is %.40q", file, line)
	}
	if effective&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return fmt.Errorf("it lacks CAP_SYS_ADMIN (CapEff %016x)", effective)
	}
	return nil
}

// origin is in what the Go linker writes into each of our programs, whatever
// its version.
const origin = "path\tgithub.com/podview/podview/"

// maxProgramBytes is far more than ours.
const maxProgramBytes = 256 << 20

// isPodview searches a program for where it comes from. It is a search, and no
// parser, because the file is somebody else's.
func isPodview(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return false, errors.Join(fmt.Errorf("%s is no regular file", file), err)
	}
	program := io.LimitReader(f, maxProgramBytes)
	buffer, kept := make([]byte, 64<<10), 0
	for {
		n, err := program.Read(buffer[kept:])
		if bytes.Contains(buffer[:kept+n], []byte(origin)) {
			return true, nil
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read %s: %w", file, err)
		}
		tail := min(kept+n, len(origin)-1)
		kept = copy(buffer, buffer[kept+n-tail:kept+n])
	}
}

// cgroupOf is for the log: whose container it is.
func cgroupOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
