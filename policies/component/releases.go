package component

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/podview/podview/daemon/paths"
	"github.com/podview/podview/policies/injection"
	"github.com/podview/podview/policies/manifest"
	"sigs.k8s.io/yaml"
)

const releasesNotice = notice + `# What each release serves and mounts. This tree's is the last; the others are
# history. When the version changes, it gets an entry of its own.
`

// Releases is releases.yaml with the entry of this tree, which has the version
// of the image that kustomize/daemonset asks for.
func Releases(root string) (manifest.File, error) {
	file := manifest.File{Path: filepath.Join("policies", "releases.yaml")}
	version, err := version(root)
	if err != nil {
		return file, err
	}
	var releases []injection.Release
	if err := read(filepath.Join(root, file.Path), &releases); err != nil && !os.IsNotExist(err) {
		return file, err
	}
	if n := len(releases); n > 0 && releases[n-1].Version == version {
		releases = releases[:n-1]
	}
	var served []string
	for _, p := range paths.All {
		served = append(served, p.Slug)
	}
	text, err := yaml.Marshal(append(releases, injection.Current(version, served)))
	file.Content = append([]byte(releasesNotice), text...)
	return file, err
}

func version(root string) (string, error) {
	var k struct {
		Images []struct {
			NewTag string `json:"newTag"`
		} `json:"images"`
	}
	file := filepath.Join(root, "kustomize/daemonset/kustomization.yaml")
	if err := read(file, &k); err != nil {
		return "", err
	}
	if len(k.Images) != 1 || k.Images[0].NewTag == "" {
		return "", fmt.Errorf("%s: no version of one image", file)
	}
	return k.Images[0].NewTag, nil
}

func read(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
