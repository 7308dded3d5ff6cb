// Command image writes podview's image as an archive of an OCI image layout,
// where there is neither docker nor a registry: `ctr images import`, `kind load
// image-archive`, `docker load` and `skopeo copy oci-archive:` read it. It makes
// what the Dockerfile makes.
//
//	image -o FILE -name REPOSITORY:TAG -version V -license FILE ARCH=BINARY…
//
// The same input gives the same bytes.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

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
		return fmt.Errorf("-o, -name and one ARCH=BINARY are needed")
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
		arch, path, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not ARCH=BINARY", arg)
		}
		binary, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		in.Binaries = append(in.Binaries, binaryOf{Arch: arch, Content: binary})
	}
	var archive bytes.Buffer
	digest, err := write(&archive, in)
	if err != nil {
		return err
	}
	fmt.Printf("%s %s@%s %d bytes\n", *output, *name, digest, archive.Len())
	return replaceFile(*output, archive.Bytes())
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
