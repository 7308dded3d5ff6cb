// Generate writes the policy components and the patched pods of their tests,
// or with -check fails when one is not up to date. It runs anywhere in the
// repository.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/podview/podview/policies/component"
	"github.com/podview/podview/policies/manifest"
)

func main() {
	check := flag.Bool("check", false, "write nothing, fail when a file is not up to date")
	root := flag.String("root", "..", "the repository")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	files, err := component.Files()
	if err != nil {
		return err
	}
	patched, err := component.Patched(root)
	if err != nil {
		return err
	}
	complete, err := component.Complete(root)
	if err != nil {
		return err
	}
	files = append(append(files, patched...), complete)
	var errs []error
	for _, f := range files {
		do := manifest.File.Write
		if check {
			do = manifest.File.Check
		}
		errs = append(errs, do(f, root))
	}
	return errors.Join(errs...)
}
