package pipeline

import (
	"context"
	"hash/maphash"

	"github.com/podview/podview/daemon/internal/caller"
)

// Owners that are no container.
const (
	unknownOwner = 0 // somebody who could not be identified
	hostOwner    = 1
)

var ownerSeed = maphash.MakeSeed()

// owner is a number for the container whose text a request is answered with:
// what it keeps of podview's memory, and of its time, is counted as its own.
// Containers that it makes within itself are no others: it could make many.
func (p *Pipeline) owner(r *request) uint64 {
	switch {
	case r.who == nil || p.HostOnly:
		return unknownOwner
	case r.who.Host:
		return hostOwner
	}
	return max(maphash.String(ownerSeed, caller.Outermost(p.container(r.who))), hostOwner+1)
}

// Owner is the number of a thread's container.
func (p *Pipeline) Owner(tid int) uint64 {
	r := p.requests.get(context.Background(), tid, "", nil)
	defer p.requests.put(r)
	if p.identify(r) != nil {
		return unknownOwner
	}
	return p.owner(r)
}
