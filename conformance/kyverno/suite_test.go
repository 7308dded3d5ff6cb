package kyverno

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// row is one result of the CLI. It says whether the outcome was the wanted
// one, not what it was.
type row struct {
	Policy   string `json:"POLICY"`
	Rule     string `json:"RULE"`
	Resource string `json:"RESOURCE"`
	Result   string `json:"RESULT"`
	Reason   string `json:"REASON"`
}

func (r row) String() string {
	return strings.Join([]string{r.Policy, "rule=" + r.Rule, r.Resource, r.Result, r.Reason}, " ")
}

// cli runs the suite in a folder.
func cli(binary, dir string) ([]row, error) {
	cmd := exec.Command(binary, "test", dir, "-o", "json", "--require-tests", "--remove-color")
	out, runErr := cmd.CombinedOutput()
	// Log lines come first.
	_, list, found := bytes.Cut(out, []byte("\n[\n"))
	if !found {
		return nil, fmt.Errorf("no rows: %v\n%s", runErr, out)
	}
	var rows []row
	if err := json.NewDecoder(bytes.NewReader(append([]byte("["), list...))).Decode(&rows); err != nil {
		return nil, fmt.Errorf("rows: %w\n%s", err, out)
	}
	if runErr != nil {
		return rows, fmt.Errorf("%w: %s", runErr, failed(rows))
	}
	return rows, nil
}

func failed(rows []row) string {
	var text []string
	for _, r := range rows {
		if r.Result != "Pass" {
			text = append(text, r.String())
		}
	}
	return strings.Join(text, "\n")
}

// check runs a suite and compares its rows with the wanted ones.
func check(binary, dir string, want []string) ([]row, error) {
	rows, err := cli(binary, dir)
	if err != nil {
		return rows, err
	}
	var errs []error
	have := lines(rows)
	for _, line := range have {
		if !slices.Contains(want, line) {
			errs = append(errs, fmt.Errorf("unwanted row: %s", line))
		}
	}
	for _, line := range want {
		if !slices.Contains(have, line) {
			errs = append(errs, fmt.Errorf("missing row: %s", line))
		}
	}
	if len(have) != len(rows) {
		errs = append(errs, fmt.Errorf("%d rows, %d of them different", len(rows), len(have)))
	}
	return rows, errors.Join(append(errs, complete(dir, rows))...)
}

func lines(rows []row) []string {
	var all []string
	for _, r := range rows {
		all = append(all, r.String())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// complete fails unless each resource has a row, and each one that is to
// pass or fail was really evaluated.
func complete(dir string, rows []row) error {
	content, err := os.ReadFile(filepath.Join(dir, "kyverno-test.yaml"))
	if err != nil {
		return err
	}
	var test struct {
		Resources []string
		Results   []struct {
			Policy, Rule, Kind, Result string
			Resources                  []string
		}
	}
	if err := yaml.Unmarshal(content, &test); err != nil {
		return err
	}
	var errs []error
	for _, file := range test.Resources {
		keys, err := resources(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		for _, key := range keys {
			if !slices.ContainsFunc(rows, func(r row) bool { return r.Resource == key }) {
				errs = append(errs, fmt.Errorf("no row for %s", key))
			}
		}
	}
	for _, want := range test.Results {
		for _, name := range want.Resources {
			found := slices.ContainsFunc(rows, func(r row) bool {
				return r.Policy == want.Policy && r.Rule == want.Rule && strings.HasSuffix(r.Resource, "/"+want.Kind+"/"+name) &&
					(want.Result == "skip" || r.Reason == "Ok")
			})
			if !found {
				errs = append(errs, fmt.Errorf("not evaluated: %s rule=%s %s, wanted %s", want.Policy, want.Rule, name, want.Result))
			}
		}
	}
	return errors.Join(errs...)
}

// resources are the keys under which the CLI reports the objects of a file.
func resources(file string) ([]string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, document := range strings.Split(string(content), "\n---\n") {
		var o struct {
			APIVersion, Kind string
			Metadata         struct{ Name, Namespace string }
		}
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		keys = append(keys, strings.Join([]string{o.APIVersion, o.Kind, o.Metadata.Namespace, o.Metadata.Name}, "/"))
	}
	return keys, nil
}
