package pipeline

import (
	"context"
	"testing"
	"time"

	"github.com/podview/podview/daemon/internal/procfile"
)

// BenchmarkWithout turns one thing off that makes reads cheap.
func BenchmarkWithout(b *testing.B) {
	containers := pods(b, 1)
	for _, without := range []struct {
		name      string
		keptFiles int
		maxAge    time.Duration
	}{
		{"nothing", keptFiles, maxAge},
		{"stat-cache", keptFiles, 0},
		{"kept-files", 0, maxAge},
	} {
		p := open(b, machineRoot, without.keptFiles, without.maxAge, bootNsec)
		for _, file := range []string{"/proc/meminfo", "/proc/stat", "/proc/cpuinfo", "/proc/uptime"} {
			b.Run("without="+without.name+"/file="+short(file), func(b *testing.B) {
				readRound(b, p, containers, file)
			})
		}
	}
}

// BenchmarkStage is the parts of a read, on this machine's kernel.
func BenchmarkStage(b *testing.B) {
	c := pods(b, 1)[0]
	p := openMachine(b)
	r := p.requests.get(context.Background(), c.PID, meminfoPath, p.find(meminfoPath))
	var err error
	if err = p.identify(r); err != nil {
		b.Fatal(err)
	}
	stage := func(name string, run func() error) {
		b.Run("stage="+name, func(b *testing.B) {
			b.ReportAllocs()
			defer reportCPU(b)()
			for range b.N {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	stage("identify", func() error { return p.identify(r) })
	stage("gate", func() error {
		defer p.gate.leave("/c")
		return p.gate.enter(r.ctx, "/c")
	})
	stage("host_meminfo", func() error { r.meminfo = r.meminfo[:0]; _, err := p.hostMemory(r); return err })
	stage("memory", func() error { return p.seeMemory(r) })
	stage("cpus", func() error { r.c.CPUs.Shown = nil; return p.seeCPUs(r) })
	stage("uptime", func() error { return p.seeUptime(r) })
	stage("times", func() error { return p.seeTimes(r) })
	stage("io", func() error { return p.seeIO(r) })
	stage("key", func() error { _, _, err := p.key(r); return err })
	var buf []byte
	for _, f := range procfile.All {
		switch f.Path {
		case meminfoPath, statPath, cpuinfoPath, "/proc/uptime", "/proc/diskstats":
			host := append([]byte(nil), must1(p.template(r, f.Path))...)
			stage("render_"+short(f.Path), func() (err error) { buf, err = f.Append(buf[:0], host, &r.c); return err })
			stage("template_"+short(f.Path), func() error { r.meminfo = r.meminfo[:0]; _, err := p.template(r, f.Path); return err })
		}
	}
}

func must1(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}
