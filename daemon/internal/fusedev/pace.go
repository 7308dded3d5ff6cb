package fusedev

import "time"

// pace gives the containers that ask much a third of one CPU's time, together.
type pace struct {
	credit time.Duration
	as     time.Time // of when credit is
}

const (
	// pacePart of the time is theirs.
	pacePart = 3
	// maxCredit is more than a thread that sleeps is late (schedulerSlackNsec).
	maxCredit = 4 * time.Millisecond
	maxSpent  = 10 * time.Millisecond
)

// open tells whether there is time left.
func (p *pace) open(now time.Time) bool {
	p.credit = min(p.credit+now.Sub(p.as)/pacePart, maxCredit)
	p.as = now
	return p.credit > 0
}

// spend takes the time off that an answer has taken. One that took long has
// waited for the kernel, which costs the others nothing.
func (p *pace) spend(took time.Duration) { p.credit -= min(took, maxSpent) }

// wait is how long it takes until there is some.
func (p *pace) wait(now time.Time) time.Duration {
	if p.open(now) {
		return 0
	}
	return (1 - p.credit) * pacePart
}
