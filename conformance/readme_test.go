package conformance

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// readmeCommands are the lines of README's sh blocks.
func readmeCommands(t *testing.T) []string {
	t.Helper()
	// The binary runs in conformance/, in the checkout or nowhere near it.
	for _, path := range []string{"../README.md", "README.md"} {
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
	t.Skip("README.md is not here: this is not the checkout")
	return nil
}

// TestReadme runs what README tells its readers to run.
func TestReadme(t *testing.T) {
	commands := readmeCommands(t)
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
			default:
				t.Error("neither podview nor make: not tested")
			}
		})
	}
	if ran < 4 {
		t.Errorf("%d podview commands found in README", ran)
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
