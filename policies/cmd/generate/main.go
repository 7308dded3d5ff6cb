// Generate writes the policy components and the patched pods of their tests,
// or with -check fails when one is not up to date. It runs anywhere in the
// repository. With -rules it writes components with other rules elsewhere.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/podview/podview/policies/component"
	"github.com/podview/podview/policies/injection"
	"github.com/podview/podview/policies/manifest"
)

func main() {
	check := flag.Bool("check", false, "write nothing, fail when a file is not up to date")
	root := flag.String("root", "..", "the repository")
	rules := flag.String("rules", "", "a file like policies/injection/rules.yaml; with -out")
	out := flag.String("out", "", "the directory for the components of -rules")
	flag.Parse()
	var err error
	switch {
	case (*rules == "") != (*out == "") || flag.NArg() > 0:
		err = errors.New("-rules and -out go together, and there are no arguments")
	case *rules != "":
		err = custom(*rules, *out, *check)
	default:
		err = run(*root, *check)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// custom writes the components alone: the tests are those of the shipped ones.
func custom(rulesFile, out string, check bool) error {
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		return err
	}
	rules, err := injection.ParseRules(text)
	if err != nil {
		return fmt.Errorf("%s: %w", rulesFile, err)
	}
	files, err := component.Files(rules)
	if err != nil {
		return err
	}
	for i, f := range files {
		files[i].Path = strings.TrimPrefix(f.Path, component.Dir+"/")
	}
	return do(files, out, check)
}

func run(root string, check bool) error {
	files, err := component.Files(injection.DefaultRules())
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
	releases, err := component.Releases(root)
	if err != nil {
		return err
	}
	return do(append(append(files, patched...), complete, releases), root, check)
}

func do(files []manifest.File, root string, check bool) error {
	write := manifest.File.Write
	if check {
		write = manifest.File.Check
	}
	var errs []error
	for _, f := range files {
		errs = append(errs, write(f, root))
	}
	return errors.Join(errs...)
}
