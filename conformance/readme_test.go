package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commandsOf are the lines of a document's sh blocks.
func commandsOf(t *testing.T, document string) []string {
	t.Helper()
	// The binary runs in conformance/, in the checkout or nowhere near it.
	for _, path := range []string{"../" + document, document} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var commands []string
		for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			commands = append(commands, strings.Split(strings.TrimSpace(block[1]), "\n")...)
		}
		return commands
	}
	t.Skipf("%s is not here: this is not the checkout", document)
	return nil
}

// TestReadme runs what README tells its readers to run.
func TestReadme(t *testing.T) { runsCommandsOf(t, "README.md", 4) }

// TestContributing does so for a first change.
func TestContributing(t *testing.T) { runsCommandsOf(t, "CONTRIBUTING.md", 1) }

func runsCommandsOf(t *testing.T, document string, atLeast int) {
	commands := commandsOf(t, document)
	needRoot(t)
	binary := podviewBinary(t)
	ran := 0
	for _, command := range commands {
		t.Run(command, func(t *testing.T) {
			switch argument, isPodview := strings.CutPrefix(command, "bin/podview "); {
			case isPodview:
				ran++
				stdout, stderr, code := runHere(t, exec.Command("sh", "-c", binary+" "+argument))
				if code != 0 || stdout+stderr == "" {
					t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
				}
			case strings.HasPrefix(command, "make "):
				checkMakeTarget(t, strings.TrimPrefix(command, "make "))
			case strings.HasPrefix(command, "go test "):
				checkPackages(t, strings.Fields(command)[2:])
			default:
				t.Error("neither podview, make nor go test: not tested")
			}
		})
	}
	if ran < atLeast {
		t.Errorf("%d podview commands found in %s", ran, document)
	}
}

// checkPackages: make unit runs all that are there.
func checkPackages(t *testing.T, packages []string) {
	t.Helper()
	for _, dir := range packages {
		tests, _ := filepath.Glob("../" + dir + "/*_test.go")
		here, _ := filepath.Glob(dir + "/*_test.go")
		if len(tests)+len(here) == 0 {
			t.Errorf("%s has no tests", dir)
		}
	}
}

// checkMakeTarget: a target that README names is a tier, or a step of test-all.
func checkMakeTarget(t *testing.T, target string) {
	t.Helper()
	for _, path := range []string{"../Makefile", "Makefile"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		tier := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:.*\n.*\.ci/steps `).Match(text)
		steps := regexp.MustCompile(`(?m)^test-all:.*\n.*\.ci/steps (.*)`).FindSubmatch(text)
		if !tier && (steps == nil || !strings.Contains(" "+string(steps[1])+" ", " "+target+" ")) {
			t.Errorf("make test-all does not run make %s", target)
		}
		return
	}
	t.Error("no Makefile beside README.md")
}
