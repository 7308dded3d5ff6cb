package fusedev

// PileUp has the requests that come wait for their turn.
func (c *Conn) PileUp() { c.queue.on.Store(true) }
