package pipeline

import (
	"fmt"
	"hash/crc32"
	"time"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/procfile"
	"github.com/podview/podview/daemon/internal/view"
)

const (
	meminfoPath   = "/proc/meminfo"
	cpuinfoPath   = "/proc/cpuinfo"
	slabinfoPath  = "/proc/slabinfo"
	statPath      = "/proc/stat"
	uptimePath    = "/proc/uptime"
	diskstatsPath = "/proc/diskstats"
	onlinePath    = "/sys/devices/system/cpu/online"
)

// cpuinfoMaxAge is how long the host's cpuinfo is kept. All it says that
// changes while the same CPUs are online is their present clock rate, and the
// kernel takes longer to print it than for all other files together.
const cpuinfoMaxAge = time.Second

// onlyMachine: there is but one host, so its texts need no proof of identity.
const onlyMachine = 1

// template is the host's text of a file; nothing for "".
func (p *Pipeline) template(r *request, path string) ([]byte, error) {
	var err error
	room := r.host[:0]
	switch path {
	case "":
		return nil, nil
	case meminfoPath:
		return p.meminfo(r)
	case cpuinfoPath:
		r.host, _, err = p.host.AppendLately(r.host[:0], path, min(cpuinfoMaxAge, 100*p.MaxAge), r.onlineSum)
	case statPath:
		return p.stat(r)
	case diskstatsPath: // no figure of theirs that is printed goes down or is a container's
		r.host, _, err = p.host.AppendLately(r.host[:0], path, p.MaxAge, onlyMachine)
	case slabinfoPath: // the first lines will do
		r.host, _, err = p.host.Append(r.host[:0], path)
	default:
		r.host, _, err = p.host.AppendAll(r.host[:0], path)
	}
	if f := p.files[path]; err != nil && f != nil {
		r.host, err = f.lacked.instead(room, err)
	}
	return r.host, err
}

// meminfo is read once for a request, however many parts of it need it.
func (p *Pipeline) meminfo(r *request) ([]byte, error) {
	if len(r.meminfo) > 0 {
		return r.meminfo, nil
	}
	var err error
	r.meminfo, _, err = p.host.AppendLately(r.meminfo, meminfoPath, p.MaxAge, onlyMachine)
	return r.meminfo, err
}

// stat is read once for a request, too. No figure of it that is printed goes
// down or is a container's.
func (p *Pipeline) stat(r *request) ([]byte, error) {
	if len(r.stat) > 0 {
		return r.stat, nil
	}
	var err error
	r.stat, _, err = p.host.AppendLately(r.stat, statPath, p.MaxAge, onlyMachine)
	return r.stat, err
}

func (p *Pipeline) hostMemory(r *request) (view.HostMemory, error) {
	text, err := p.meminfo(r)
	if err != nil {
		return view.HostMemory{}, err
	}
	h, err := procfile.ParseHostMemory(text)
	if err != nil {
		return view.HostMemory{}, fmt.Errorf("%s: %w", p.Root.Path(meminfoPath), err)
	}
	return h, nil
}

// onlineCPUs fills r.online and r.onlineSum.
func (p *Pipeline) onlineCPUs(r *request) (err error) {
	if r.host, _, err = p.host.Append(r.host[:0], onlinePath); err != nil {
		return err
	}
	if r.online, err = cgroup.ParseCPUList(r.host, r.online); err != nil {
		return fmt.Errorf("%s: %w", p.Root.Path(onlinePath), err)
	}
	r.onlineSum = uint64(crc32.ChecksumIEEE(r.host)) + 1
	return nil
}

// hostFile appends the host's bytes as they are now.
func (p *Pipeline) hostFile(dst []byte, path string) ([]byte, error) {
	text, _, err := p.host.AppendAll(dst, path)
	if err != nil {
		if f := p.files[path]; f != nil {
			return f.lacked.instead(dst, err)
		}
		return dst, err
	}
	return text, nil
}

// fallbackFile is the host's file; of one that is private to the host (what
// its kernel allocates, for root's eyes), only what an empty container has.
func (p *Pipeline) fallbackFile(r *request, dst []byte) ([]byte, error) {
	if !r.file.private {
		return p.hostFile(dst, r.path)
	}
	template, err := p.template(r, r.path)
	if err != nil {
		return nil, err
	}
	r.forget()
	return r.file.proc.Append(dst, template, &r.c)
}
