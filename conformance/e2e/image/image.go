// Package image makes the images of the test pods from programs of this
// machine, since there is no registry.
package image

import (
	"bytes"
	_ "embed" // for pauseSource
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/podview/podview/conformance/image/oci"
)

const (
	// Pause is the image that containerd's configuration names.
	Pause = "registry.k8s.io/pause:e2e"
	// Busybox has busybox's applets in /bin and procps in /usr/bin.
	Busybox = "docker.io/library/busybox:e2e"
	// Httpd stands for Apache's: busybox's httpd is its program.
	Httpd = "docker.io/library/httpd:e2e"
)

// procps, and what it needs beside its libraries.
var programs = []string{"/usr/bin/free", "/usr/bin/top", "/usr/bin/uptime", "/usr/bin/ps", "/usr/bin/pgrep", "/usr/bin/lscpu"}

// terminals are descriptions that top wants even for a plain listing.
var terminals = []string{"/lib/terminfo/d/dumb", "/lib/terminfo/x/xterm", "/lib/terminfo/l/linux"}

// Write writes the images to dir and returns the paths of their archives.
func Write(dir string) ([]string, error) {
	pause, err := buildPause(dir)
	if err != nil {
		return nil, err
	}
	tools, err := toolFiles()
	if err != nil {
		return nil, err
	}
	path := []string{"PATH=/usr/bin:/bin"}
	var archives []string
	for _, i := range []struct {
		name, archive string
		files         []oci.File
		config        v1.ImageConfig
	}{
		{Pause, "pause.tar", pause, v1.ImageConfig{Entrypoint: []string{"/pause"}}},
		{Busybox, "busybox.tar", tools, v1.ImageConfig{Env: path, Cmd: []string{"sh"}}},
		{Httpd, "httpd.tar", tools, v1.ImageConfig{Env: path, Cmd: []string{"httpd", "-f", "-p", "80", "-h", "/www"}}},
	} {
		var archive bytes.Buffer
		_, err := oci.Write(&archive, oci.Image{Name: i.name, Created: time.Unix(0, 0),
			Platforms: []oci.Platform{{Arch: runtime.GOARCH, Files: i.files, Config: i.config}}})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", i.name, err)
		}
		archives = append(archives, filepath.Join(dir, i.archive))
		if err := os.WriteFile(archives[len(archives)-1], archive.Bytes(), 0o644); err != nil {
			return nil, err
		}
	}
	return archives, nil
}

//go:embed pause/main.go
var pauseSource []byte

// buildPause needs no module, so it works from any directory.
func buildPause(dir string) ([]oci.File, error) {
	source, program := filepath.Join(dir, "pause.go"), filepath.Join(dir, "pause")
	if err := os.WriteFile(source, pauseSource, 0o644); err != nil {
		return nil, err
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build pause: %w\n%s", err, out)
	}
	f, err := read(program, "pause")
	return []oci.File{f}, err
}

func read(path, name string) (oci.File, error) {
	content, err := os.ReadFile(path)
	return oci.File{Name: name, Content: content, Mode: 0o755}, err
}

func toolFiles() ([]oci.File, error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return nil, fmt.Errorf("package busybox-static: %w", err)
	}
	first, err := read(busybox, "bin/busybox")
	if err != nil {
		return nil, err
	}
	files := []oci.File{first, {Name: "www/index.html", Content: []byte("It works!\n"), Mode: 0o644}}
	applets, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return nil, err
	}
	for applet := range strings.Lines(string(applets)) {
		if applet = strings.TrimSpace(applet); applet != "busybox" {
			files = append(files, oci.File{Name: "bin/" + applet, Link: "busybox"})
		}
	}
	libraries, err := libraries(programs)
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Concat(programs, libraries, terminals) {
		f, err := read(path, strings.TrimPrefix(path, "/"))
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// libraries are the paths in what ldd says: "NAME => PATH (ADDRESS)", or the
// loader's "PATH (ADDRESS)".
func libraries(programs []string) ([]string, error) {
	out, err := exec.Command("ldd", programs...).Output()
	if err != nil {
		return nil, fmt.Errorf("ldd: %w", err)
	}
	var paths []string
	for line := range strings.Lines(string(out)) {
		for _, field := range strings.Fields(line) {
			if strings.HasPrefix(field, "/") && !strings.HasSuffix(field, ":") {
				paths = append(paths, field)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}
