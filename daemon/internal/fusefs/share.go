package fusefs

// share is what one container has of the handle table: as many open files as
// its limits allow must not fill our memory, nor take the texts of others who
// are reading. When a container has too much its own oldest text goes, and
// when all together have, the oldest of the one that has most.
type share struct {
	owner uint64
	bytes int // of texts, and for each snapshot snapshotBytes
	// texts have one, dropped have only what is known of it.
	texts, dropped queue
}

const (
	// maxShareBytes are 22 texts of a cpuinfo of 128 CPUs, or 2000 of a meminfo.
	maxShareBytes = 4 << 20
	// maxDropped snapshots without a text are kept for each share. Who has
	// more files open in the middle is forgotten.
	maxDropped = 1024
	// maxSnapshotBytes is for the texts of all shares, maxSnapshots for their
	// number.
	maxSnapshotBytes = 32 << 20
	hardLimitBytes   = maxSnapshotBytes + maxShareBytes
	maxSnapshots     = 1 << 15
	// snapshotBytes is about what a snapshot takes without its text.
	snapshotBytes = 256
)

// queue is a list of snapshots by the time of their last text.
type queue struct {
	oldest, newest *snapshot
	length         int
}

func (q *queue) push(s *snapshot) {
	s.older, s.newer = q.newest, nil
	if q.newest != nil {
		q.newest.newer = s
	} else {
		q.oldest = s
	}
	q.newest = s
	q.length++
}

func (q *queue) take(s *snapshot) {
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		q.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		q.newest = s.older
	}
	s.older, s.newer = nil, nil
	q.length--
}

// settle counts the text that s has got, or failed to get, among its owner's,
// and makes room for it. The caller has s locked.
func (t *handleTable) settle(s *snapshot, owner uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[s.handle] != s { // closed meanwhile, or abandoned
		return
	}
	if !s.has {
		if s.length == 0 { // nothing is known
			t.remove(s.handle, s)
		}
		return
	}
	t.enter(s, owner)
	for s.share.bytes > maxShareBytes && t.makeRoom(s.share, s) {
	}
	for (t.size.Load() > maxSnapshotBytes || len(t.open) > maxSnapshots) && t.makeRoom(t.largest(), s) {
	}
}

// enter puts s at the end of its owner's queue. A text that an earlier process
// has left is unowned.
func (t *handleTable) enter(s *snapshot, owner uint64) {
	if s.share == nil || s.share.owner != owner && owner != unowned {
		t.leave(s)
		if s.share = t.shares[owner]; s.share == nil {
			s.share = t.newShare(owner)
		}
		s.share.bytes += snapshotBytes
	} else {
		s.queue().take(s)
	}
	s.dropped = false
	s.queue().push(s)
	t.charge(s, cap(s.text))
}

func (t *handleTable) newShare(owner uint64) *share {
	var sh *share
	if last := len(t.unusedShares) - 1; last >= 0 {
		sh, t.unusedShares = t.unusedShares[last], t.unusedShares[:last]
	} else {
		sh = &share{}
	}
	sh.owner = owner
	t.shares[owner] = sh
	return sh
}

// queue is the one that s is in.
func (s *snapshot) queue() *queue {
	if s.dropped {
		return &s.share.dropped
	}
	return &s.share.texts
}

// leave takes s out of its share.
func (t *handleTable) leave(s *snapshot) {
	if s.share == nil {
		return
	}
	t.charge(s, 0)
	s.queue().take(s)
	if s.share.bytes -= snapshotBytes; s.share.bytes == 0 {
		delete(t.shares, s.share.owner)
		if len(t.unusedShares) < maxFree {
			t.unusedShares = append(t.unusedShares, s.share)
		}
	}
	s.share, s.dropped = nil, false
}

// charge counts s as so many bytes of text.
func (t *handleTable) charge(s *snapshot, bytes int) {
	if s.share != nil {
		t.size.Add(int64(bytes - s.charged))
		s.share.bytes += bytes - s.charged
		s.charged = bytes
	}
}

// makeRoom drops the share's oldest text or, when none is left, forgets the
// oldest snapshot; not keep, nor one that a read is at. It is false when there
// is no other.
func (t *handleTable) makeRoom(sh *share, keep *snapshot) bool {
	s := takeable(&sh.texts, keep)
	if s == nil {
		return t.forgetOldest(sh, keep)
	}
	s.drop()
	s.mu.Unlock()
	t.charge(s, 0)
	sh.texts.take(s)
	s.dropped = true
	sh.dropped.push(s)
	if sh.dropped.length > maxDropped {
		t.forgetOldest(sh, keep)
	}
	return true
}

func (t *handleTable) forgetOldest(sh *share, keep *snapshot) bool {
	s := takeable(&sh.dropped, keep)
	if s == nil {
		return false
	}
	t.remove(s.handle, s)
	s.mu.Unlock()
	return true
}

// takeable is the oldest snapshot that can be had, locked; nil for none.
func takeable(q *queue, keep *snapshot) *snapshot {
	for s := q.oldest; s != nil; s = s.newer {
		if s != keep && s.mu.TryLock() {
			return s
		}
	}
	return nil
}

func (t *handleTable) largest() *share {
	most := &share{}
	for _, s := range t.shares {
		if s.bytes > most.bytes {
			most = s
		}
	}
	return most
}
