package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var sample = source{
	Name: "registry:5000/a/podview:v9", Version: "v9", License: []byte("licence\n"),
	Created: time.Unix(1_700_000_000, 0).UTC(),
	Platforms: []platform{
		{"amd64", [...][]byte{[]byte("one"), []byte("one's plugin")}},
		{"arm64", [...][]byte{[]byte("two"), []byte("two's plugin")}},
	},
}

func TestSameInputSameBytes(t *testing.T) {
	var first, second bytes.Buffer
	d1, err := write(&first, sample)
	if err != nil {
		t.Fatal(err)
	}
	d2, err := write(&second, sample)
	if err != nil {
		t.Fatal(err)
	}
	if d1 != d2 || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("two runs differ: %s, %s", d1, d2)
	}
}

// Each part of the input is in the digest, so that an unchanged digest means an
// unchanged image.
func TestOtherInputOtherDigest(t *testing.T) {
	digest := func(change func(*source)) string {
		in := sample
		in.Platforms = slices.Clone(sample.Platforms)
		change(&in)
		d, err := write(&bytes.Buffer{}, in)
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	seen := map[string]bool{digest(func(*source) {}): true}
	for name, change := range map[string]func(*source){
		"version": func(s *source) { s.Version = "v10" },
		"license": func(s *source) { s.License = []byte("other") },
		"created": func(s *source) { s.Created = s.Created.Add(time.Second) },
		"binary":  func(s *source) { s.Platforms[1].Binaries[0] = []byte("three") },
		"plugin":  func(s *source) { s.Platforms[1].Binaries[1] = []byte("three") },
		"arch":    func(s *source) { s.Platforms[1].Arch = "riscv64" },
	} {
		d := digest(change)
		if seen[d] {
			t.Errorf("another %s has the same digest %s", name, d)
		}
		seen[d] = true
	}
}

func TestLayout(t *testing.T) {
	var archive bytes.Buffer
	digest, err := write(&archive, sample)
	if err != nil {
		t.Fatal(err)
	}
	got, err := open(archive.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got.digest != digest || got.name != sample.Name || got.tag != "v9" {
		t.Errorf("got %s %q %q", got.digest, got.name, got.tag)
	}
	for _, p := range sample.Platforms {
		image, ok := got.images["linux/"+p.Arch]
		if !ok {
			t.Fatalf("no image for %s, but %v", p.Arch, got.images)
		}
		checkImage(t, image, sample.Version)
		for i, name := range []string{"podview", "podview-nri"} {
			if content := image.root[name].Content; !bytes.Equal(content, p.Binaries[i]) {
				t.Errorf("%s: /%s is %q", p.Arch, name, content)
			}
		}
	}
}

// open is what the tests trust, so it must see a broken archive.
func TestOpenSeesDamage(t *testing.T) {
	var archive bytes.Buffer
	if _, err := write(&archive, sample); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"vnd.oci.image.config", "Entrypoint", "diff_ids", "linux", "blobs/sha256/", `"manifests"`} {
		broken := bytes.Clone(archive.Bytes())
		i := bytes.Index(broken, []byte(part))
		if i < 0 {
			t.Fatalf("the archive has no %q", part)
		}
		broken[i+1] ^= 1
		if _, err := open(broken); err == nil {
			t.Errorf("nothing wrong with a byte changed in %q", part)
		}
	}
}

func checkImage(t *testing.T, image opened, version string) {
	t.Helper()
	var names []string
	for name, f := range image.root {
		names = append(names, name)
		if want := map[string]int64{"LICENSE": 0o644, "podview": 0o755, "podview-nri": 0o755}[name]; f.Mode != want {
			t.Errorf("/%s has mode %o", name, f.Mode)
		}
		if !f.modified.Equal(*image.config.Created) {
			t.Errorf("/%s is of %s, the sources of %s", name, f.modified, image.config.Created)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"LICENSE", "podview", "podview-nri"}) {
		t.Errorf("the root has %v", names)
	}
	if !slices.Equal(image.config.Config.Entrypoint, []string{"/podview"}) {
		t.Errorf("entrypoint is %v", image.config.Config.Entrypoint)
	}
	for key, want := range labels(version) {
		if got := image.config.Config.Labels[key]; got != want {
			t.Errorf("label %s is %q, not %q", key, got, want)
		}
	}
}

// The Dockerfile and this program make the same image.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`(org\.opencontainers\.[a-z.]+)="([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
		got[m[1]] = m[2]
	}
	want := labels("$VERSION")
	if len(got) != len(want) {
		t.Errorf("labels are %v", got)
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("label %s is %q, not %q", key, got[key], value)
		}
	}
	_, final, _ := strings.Cut(string(text), "FROM scratch")
	for _, line := range []string{"COPY LICENSE /LICENSE", "COPY --from=build /podview /podview", "COPY --from=build /podview-nri /podview-nri", `ENTRYPOINT ["/podview"]`} {
		if !strings.Contains(final, "\n"+line+"\n") {
			t.Errorf("the last stage has no line %q", line)
		}
	}
	if strings.Contains(final, "RUN") {
		t.Error("the last stage runs something")
	}
}

// archive is what `make image` wrote.
func archive(t *testing.T) archived {
	path := os.Getenv("PODVIEW_IMAGE")
	if path == "" {
		t.Skip("PODVIEW_IMAGE names no archive; make image does")
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := open(content)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s@%s, %d bytes", path, got.name, got.digest, len(content))
	return got
}

func TestArchive(t *testing.T) {
	got := archive(t)
	for _, arch := range []string{"amd64", "arm64"} {
		image, ok := got.images["linux/"+arch]
		if !ok {
			t.Fatalf("no image for %s", arch)
		}
		checkImage(t, image, os.Getenv("VERSION"))
		t.Logf("%s: %d bytes to pull", arch, image.packedBytes)
		for name, maxBytes := range map[string]int{"podview": 15 << 20, "podview-nri": 8 << 20} {
			content := image.root[name].Content
			t.Logf("%s: /%s has %d bytes", arch, name, len(content))
			if len(content) > maxBytes {
				t.Errorf("%s: /%s has %d bytes, more than %d", arch, name, len(content), maxBytes)
			}
			if interpreted(t, content, arch) {
				t.Errorf("%s: /%s is not static", arch, name)
			}
		}
	}
	// The DaemonSet asks for the name that importing the archive gives.
	text, err := os.ReadFile("../../kustomize/daemonset/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`newName: (\S+)\n  newTag: (\S+)`).FindStringSubmatch(string(text))
	if m == nil || got.name != m[1]+":"+m[2] {
		t.Errorf("the archive is %s, the DaemonSet wants %v", got.name, m)
	}
}

// The programs run in the image's root, where there is nothing else.
func TestRuns(t *testing.T) {
	got := archive(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root, for chroot")
	}
	root := t.TempDir()
	for name, f := range got.images["linux/amd64"].root {
		if err := os.WriteFile(filepath.Join(root, name), f.Content, os.FileMode(f.Mode)); err != nil {
			t.Fatal(err)
		}
	}
	for name, argument := range map[string]string{"podview": "version", "podview-nri": "--version"} {
		cmd := exec.Command("/"+name, argument)
		cmd.Path, cmd.Dir, cmd.Env = "/"+name, "/", []string{}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		out, err := cmd.CombinedOutput()
		if want := name + " " + os.Getenv("VERSION") + "\n"; err != nil || string(out) != want {
			t.Errorf("%s %s: %v, %q, not %q", name, argument, err, out, want)
		}
	}
}
