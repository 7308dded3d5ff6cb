// Command image writes podview's image as an archive of an OCI image layout,
// where there is neither docker nor a registry: `ctr images import`, `kind load
// image-archive`, `docker load` and `skopeo copy oci-archive:` read it. It makes
// what the Dockerfile makes.
//
//	image -o FILE -name REPOSITORY:TAG -version V -license FILE ARCH=DIRECTORY…
//
// The directories have podview and podview-nri. The same input gives the same
// bytes.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/podview/podview/conformance/image/oci"
)

// source is what the image is made from.
type source struct {
	Name    string // REPOSITORY:TAG
	Version string
	License []byte
	Created time.Time
	// Platforms are in the order of the index.
	Platforms []platform
}

// programs are the daemon and its NRI plugin.
var programs = [...]string{"podview", "podview-nri"}

type platform struct {
	Arch     string                // as GOARCH has it
	Binaries [len(programs)][]byte // in the order of programs
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	output := flags.String("o", "", "archive to write")
	name := flags.String("name", "", "REPOSITORY:TAG")
	version := flags.String("version", "", "version for the labels")
	license := flags.String("license", "", "file for /LICENSE")
	// As reproducible-builds.org has it: seconds since 1970 of the sources.
	epochSec := flags.String("epoch", os.Getenv("SOURCE_DATE_EPOCH"), "time of the sources, seconds since 1970")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *output == "" || *name == "" || flags.NArg() == 0 {
		return fmt.Errorf("-o, -name and one ARCH=DIRECTORY are needed")
	}
	text, err := os.ReadFile(*license)
	if err != nil {
		return err
	}
	created := time.Unix(0, 0).UTC()
	if *epochSec != "" {
		sec, err := strconv.ParseInt(*epochSec, 10, 64)
		if err != nil {
			return fmt.Errorf("-epoch: %w", err)
		}
		created = time.Unix(sec, 0).UTC()
	}
	in := source{Name: *name, Version: *version, License: text, Created: created}
	for _, arg := range flags.Args() {
		arch, dir, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not ARCH=DIRECTORY", arg)
		}
		p := platform{Arch: arch}
		for i, name := range programs {
			if p.Binaries[i], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
		in.Platforms = append(in.Platforms, p)
	}
	var archive bytes.Buffer
	digest, err := write(&archive, in)
	if err != nil {
		return err
	}
	fmt.Printf("%s %s@%s %d bytes\n", *output, *name, digest, archive.Len())
	return replaceFile(*output, archive.Bytes())
}

// write writes the archive, and returns the digest of the image index, which
// names the image for all platforms.
func write(w io.Writer, in source) (digest.Digest, error) {
	image := oci.Image{Name: in.Name, Created: in.Created}
	for _, p := range in.Platforms {
		files := []oci.File{{Name: "LICENSE", Content: in.License, Mode: 0o644}}
		for i, name := range programs {
			files = append(files, oci.File{Name: name, Content: p.Binaries[i], Mode: 0o755})
		}
		image.Platforms = append(image.Platforms, oci.Platform{Arch: p.Arch, Files: files,
			Config: v1.ImageConfig{Entrypoint: []string{"/podview"}, Labels: labels(in.Version)},
		})
	}
	return oci.Write(w, image)
}

// labels are the Dockerfile's; a test compares them.
func labels(version string) map[string]string {
	return map[string]string{
		v1.AnnotationTitle:       "podview",
		v1.AnnotationDescription: "Shows every container the CPUs, memory, swap and disk it was given",
		v1.AnnotationSource:      "https://github.com/podview/podview",
		v1.AnnotationLicenses:    "Apache-2.0",
		v1.AnnotationVersion:     version,
	}
}

// replaceFile leaves the old file or the new one, never a part.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".image-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(content); err == nil {
		err = f.Chmod(0o644)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
