package report

import "math"

// Many is what was measured with a node full of containers.
type Many struct {
	Containers          int `json:"containers"`
	ThreadsPerContainer int `json:"threadsPerContainer"`
	// CPU time as a percentage of one core, by server.
	IdlePercent     map[string]float64 `json:"idlePercent"`    // nobody has ever read
	LoadavgPercent  map[string]float64 `json:"loadavgPercent"` // each reads loadavg once a minute
	AfterPercent    map[string]float64 `json:"afterPercent"`   // everybody has read, nobody does now
	IdleSeconds     float64            `json:"idleSeconds"`
	LoadavgSeconds  float64            `json:"loadavgSeconds"`
	LoadavgReadings int                `json:"loadavgReadings"`
	First           []First            `json:"first"`
	Scale           []Scale            `json:"scale"`
	Memory          []Memory           `json:"memory"`
}

// First compares a container's very first read with its second.
type First struct {
	Server       string  `json:"server"`
	File         string  `json:"file"`
	Containers   int     `json:"containers"`
	FirstP50Usec float64 `json:"firstP50Usec"`
	WarmP50Usec  float64 `json:"warmP50Usec"`
	FirstCPUUsec float64 `json:"firstCpuUsec"`
	WarmCPUUsec  float64 `json:"warmCpuUsec"`
}

// Scale is what a read costs when it is another container's turn each time.
type Scale struct {
	Server     string  `json:"server"`
	File       string  `json:"file"`
	Containers int     `json:"containers"`
	P50Usec    float64 `json:"p50Usec"`
	CPUUsec    float64 `json:"cpuUsec"`
}

// Memory is what a server holds at one moment: all its processes added up.
type Memory struct {
	When      string    `json:"when"`
	Server    string    `json:"server"`
	RSSBytes  int64     `json:"rssBytes"`
	PSSBytes  int64     `json:"pssBytes"` // pages that processes share are divided
	FDs       int       `json:"fds"`
	MostFDs   int       `json:"mostFds"` // of one process
	FDLimit   int       `json:"fdLimit"` // the least soft limit
	Processes []Process `json:"processes"`
}

// Process is one of a server's.
type Process struct {
	Command  string `json:"command"` // its subcommand, or its program's name
	RSSBytes int64  `json:"rssBytes"`
	FDs      int    `json:"fds"`
}

// The moments of Memory.
const (
	AtStart  = "at the start"
	AllRead  = "each container has read each file"
	AtTheEnd = "at the end"
)

// memoryOf finds a server's memory at a moment.
func (m *Many) memoryOf(server, when string) (Memory, bool) {
	for _, held := range m.Memory {
		if held.Server == server && held.When == when {
			return held, true
		}
	}
	return Memory{}, false
}

// Slope is the least-squares growth of the CPU time per read, in us for each
// 1000 more containers; and the dearest figure divided by the first.
func (m *Many) Slope(server, file string) (usecPer1000, growth float64, ok bool) {
	var n, sumX, sumY, sumXX, sumXY, first, most float64
	for _, s := range m.Scale {
		if s.Server != server || s.File != file {
			continue
		}
		x, y := float64(s.Containers)/1000, s.CPUUsec
		if n == 0 {
			first = y
		}
		most = math.Max(most, y)
		n, sumX, sumY, sumXX, sumXY = n+1, sumX+x, sumY+y, sumXX+x*x, sumXY+x*y
	}
	spread := n*sumXX - sumX*sumX
	if n < 2 || spread == 0 || first == 0 {
		return 0, 0, false
	}
	return (n*sumXY - sumX*sumY) / spread, most / first, true
}
