package pipeline

import "hash/maphash"

// Owners that are no container.
const (
	unknownOwner = 0 // a text for somebody who could not be identified
	hostOwner    = 1
)

var ownerSeed = maphash.MakeSeed()

// owner is a number for the container whose text a request is answered with:
// what it keeps of podview's memory is counted as its own.
func (p *Pipeline) owner(r *request) uint64 {
	switch {
	case r.who == nil || p.HostOnly:
		return unknownOwner
	case r.who.Host:
		return hostOwner
	}
	return max(maphash.String(ownerSeed, p.container(r.who)), hostOwner+1)
}
