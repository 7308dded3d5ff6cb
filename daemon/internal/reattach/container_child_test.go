package reattach

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

func containerMain(text string) int {
	var s spec
	err := json.Unmarshal([]byte(text), &s)
	if err == nil && s.Root != "" {
		err = s.build()
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if s.Nested {
		return nest()
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var r reply
		data, err := os.ReadFile(lines.Text())
		if r.Text = string(data); err != nil {
			r.Errno = err.(*os.PathError).Err.(syscall.Errno)
		}
		_ = json.NewEncoder(os.Stdout).Encode(r)
	}
	return 0
}

// nest starts a container in this one that answers instead of it, in a copy
// of our mount namespace in which all mounts are locked.
func nest() int {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{containerEnv + "={}"}
	cmd.SysProcAttr = attr(unix.CLONE_NEWUSER)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Println("nested:", err)
	}
	return 0
}

func (s *spec) build() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount / private: %w", err)
	}
	if s.Root != "/" {
		if err := emptyRoot(s.Root); err != nil {
			return err
		}
	}
	if err := unix.Mount("proc", filepath.Join(s.Root, "proc"), "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, b := range s.Binds {
		if err := b.mount(s.Root); err != nil {
			return fmt.Errorf("mount %+v: %w", b, err)
		}
	}
	if s.Root == "/" {
		return nil
	}
	return s.enter()
}

func emptyRoot(root string) error {
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount the root: %w", err)
	}
	for _, dir := range []string{"proc", "sys", "old", "view"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("/sys", filepath.Join(root, "sys"), "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	return os.WriteFile(filepath.Join(root, "file"), []byte("a file\n"), 0o644)
}

func (s *spec) enter() error {
	if err := os.Chdir(s.Root); err != nil {
		return err
	}
	if s.Chroot {
		return unix.Chroot(".")
	}
	if err := unix.PivotRoot(".", "old"); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return unix.Unmount("/old", unix.MNT_DETACH)
}

func (b bind) mount(root string) error {
	target := filepath.Join(root, b.Target)
	switch b.Type {
	case "":
		return unix.Mount(b.Source, target, "", unix.MS_BIND, "")
	case "tmpfs":
		return unix.Mount("tmpfs", target, "tmpfs", unix.MS_RDONLY, "")
	case "file":
		return unix.Mount(filepath.Join(root, "file"), target, "", unix.MS_BIND, "")
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) // dead from then on
	return unix.Mount("lxcfs", target, b.Type, 0, fmt.Sprintf("fd=%d,rootmode=100444,user_id=0,group_id=0", fd))
}
