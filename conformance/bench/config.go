package main

import (
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/podview/podview/conformance/bench/reader"
	"github.com/podview/podview/conformance/bench/report"
)

// config is what the command line asks for.
type config struct {
	quick       bool
	rounds      int
	files       []string // names, keys of filePaths
	servers     []string
	containers  []int
	many        int // 0: skip that part
	jsonFile    string
	docsDir     string
	fromFile    string
	podview     string
	podviewArgs []string
	null        string

	// How long things take.
	slice         time.Duration // a server's share of a cell, each round
	idleWindow    time.Duration
	loadavgWindow time.Duration
	visits        int // reads for each figure of cost per number of containers
}

// filePaths is what is read, as a container sees it.
var filePaths = map[string]string{
	"meminfo": "/proc/meminfo", "stat": "/proc/stat", "cpuinfo": "/proc/cpuinfo", "uptime": "/proc/uptime",
	"loadavg": "/proc/loadavg", "diskstats": "/proc/diskstats", "swaps": "/proc/swaps",
	"cpu/online": "/sys/devices/system/cpu/online",
}

var (
	allFiles   = []string{"meminfo", "stat", "cpuinfo", "uptime", "loadavg", "diskstats", "swaps", "cpu/online"}
	allServers = []string{report.Native, report.Null, report.Podview, report.Lxcfs}
	allWays    = []string{reader.Open, reader.Pread, reader.Spawn}
	allReaders = []int{1, 4, 64}
)

// mostSpawners: more processes than that at a time would measure how fast
// processes start.
const mostSpawners = 4

func parseConfig(args []string) (c config, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&c.quick, "quick", false, "short slices and windows: shows that it works, and little else")
	flags.IntVar(&c.rounds, "rounds", 5, "rounds, of which the median counts")
	files := flags.String("files", strings.Join(allFiles, ","), "files to read")
	servers := flags.String("servers", strings.Join(allServers, ","), "servers to measure")
	containers := flags.String("containers", "10,200", "numbers of containers")
	flags.IntVar(&c.many, "many", 1000, "containers of the part about full nodes; 0 for none")
	flags.StringVar(&c.jsonFile, "json", "", "write the result here")
	flags.StringVar(&c.docsDir, "docs", "", "write performance.md, its chart and bench.json to this directory")
	flags.StringVar(&c.fromFile, "from", "", "measure nothing: take the result from this file")
	flags.StringVar(&c.podview, "podview", "bin/podview", "the podview program")
	podviewArgs := flags.String("podview-args", "", "more flags for podview serve")
	flags.StringVar(&c.null, "nullserver", "bin/nullserver", "the null server's program")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	c.files, c.servers = split(*files), split(*servers)
	c.podviewArgs = strings.Fields(*podviewArgs)
	for _, text := range split(*containers) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return c, fmt.Errorf("-containers=%q: %q is not a number of containers", *containers, text)
		}
		c.containers = append(c.containers, n)
	}
	c.setTimes()
	return c, c.check(flags.Args())
}

func split(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return s == "" })
}

func (c *config) setTimes() {
	c.slice, c.idleWindow, c.loadavgWindow, c.visits = 100*time.Millisecond, 15*time.Second, time.Minute, 1000
	if c.quick {
		c.slice, c.idleWindow, c.loadavgWindow, c.visits = 15*time.Millisecond, time.Second, 2*time.Second, 50
	}
}

func (c *config) check(rest []string) error {
	for _, f := range c.files {
		if !slices.Contains(allFiles, f) {
			return fmt.Errorf("-files: %q is none of %s", f, strings.Join(allFiles, ","))
		}
	}
	for _, s := range c.servers {
		if !slices.Contains(allServers, s) {
			return fmt.Errorf("-servers: %q is none of %s", s, strings.Join(allServers, ","))
		}
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case len(c.files) == 0 || len(c.servers) == 0:
		return errors.New("nothing to measure: -files or -servers is empty")
	case c.rounds < 1 || c.many < 0:
		return fmt.Errorf("-rounds=%d, -many=%d", c.rounds, c.many)
	}
	return nil
}

// cells are the lines of the table, for one number of containers.
func (c *config) cells(containers int) (all []report.Cell) {
	for _, way := range allWays {
		for _, readers := range allReaders {
			if way == reader.Spawn && readers > mostSpawners {
				continue
			}
			for _, file := range c.files {
				all = append(all, report.Cell{Containers: containers, Way: way, Readers: readers, File: file})
			}
		}
	}
	return all
}

// paths are what the servers serve: the files, and those that are read in any
// case, to check the answers and to have load averages kept.
func (c *config) paths() (paths []string) {
	for _, f := range allFiles {
		if slices.Contains(c.files, f) || f == "meminfo" || f == "loadavg" {
			paths = append(paths, filePaths[f])
		}
	}
	return paths
}

// command is how a server is started, to mount on dir.
func (c *config) command(server, dir string) ([]string, error) {
	switch server {
	case report.Podview:
		// Metrics are on, as in a cluster. Without fail-open links, a file of a
		// view that is not mounted is an error.
		return append([]string{c.podview, "serve", "--mount", dir, "--fail-open=false", "--metrics-address", "127.0.0.1:0"}, c.podviewArgs...), nil
	case report.Null:
		help, err := exec.Command(c.podview, "serve", "--help").CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%s serve --help: %w", c.podview, err)
		}
		readers, err := podviewReaders(string(help), c.podviewArgs)
		if err != nil {
			return nil, err
		}
		return append([]string{c.null, "--mount", dir, "--readers", strconv.Itoa(readers)}, c.paths()...), nil
	case report.Lxcfs:
		path, err := exec.LookPath("lxcfs")
		if err == nil {
			path, err = filepath.Abs(path)
		}
		return []string{path, "-f", "--enable-cfs", "-l", dir}, err
	}
	return nil, fmt.Errorf("%s is not started", server)
}

var readersFlag = regexp.MustCompile(`(?s)-readers int\n[^\n]*\(default (\d+)\)`)

// podviewReaders is with how many threads podview answers: the null server
// has as many.
func podviewReaders(help string, args []string) (int, error) {
	for i, arg := range args {
		name, value, ok := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if name == "readers" && ok {
			return strconv.Atoi(value)
		}
		if name == "readers" && i+1 < len(args) {
			return strconv.Atoi(args[i+1])
		}
	}
	match := readersFlag.FindStringSubmatch(help)
	if match == nil {
		return 0, errors.New("podview serve --help does not name the default of --readers")
	}
	return strconv.Atoi(match[1])
}
