// Package reader is what runs in the bench's containers: process 1 of each,
// which mounts the views and reads files when the bench tells it to.
package reader

import "github.com/podview/podview/conformance/bench/latency"

// The ways to read a file.
const (
	// Open is open(2), read(2) to the end, close(2).
	Open = "open"
	// Pread is pread(2) at offset 0 of a descriptor that stays open, as top
	// and free -s do.
	Pread = "pread"
	// Spawn starts a process that does Open once, as a shell script does.
	Spawn = "process"
)

// Request is one line of JSON from the bench. Its answer is a Reply.
type Request struct {
	// Op is "enter" (Views, Files), "prepare", "burst" (Path, Way, Threads) or "read" (Path).
	Op    string   `json:"op"`
	Views []View   `json:"views,omitempty"`
	Files []string `json:"files,omitempty"`
	Path  string   `json:"path,omitempty"`
	Way   string   `json:"way,omitempty"`
	// Threads read at a time; each is the same thread in every burst.
	Threads int `json:"threads,omitempty"`
	// A thread's burst ends after Ops reads; if that is 0, after Nsec.
	Ops  int   `json:"ops,omitempty"`
	Nsec int64 `json:"nsec,omitempty"`
	// Start is when a burst starts, on CLOCK_MONOTONIC in ns; 0 is at once. A
	// thread that the scheduler lets start later has lost that time.
	Start int64 `json:"start,omitempty"`
}

// View is one server's files, to be bound over a /proc and a /sys of their own.
type View struct {
	// Source is where the server has mounted them; empty for the kernel's own
	// files, with nothing over them.
	Source string `json:"source,omitempty"`
	// Root is a directory with empty proc and sys in it.
	Root string `json:"root"`
}

// Reply answers a Request. Error is empty if it was done.
type Reply struct {
	Error string `json:"error,omitempty"`
	// Text is the file's, for "read".
	Text []byte `json:"text,omitempty"`
	// For "burst": how long the reads took. With Spawn, that is the read in
	// the new process, without starting it.
	Buckets []latency.Bucket `json:"buckets,omitempty"`
	Ops     int              `json:"ops,omitempty"`
	// ThreadNsec is how long the threads were at it, all added up. With
	// Spawn it includes starting the processes.
	ThreadNsec int64 `json:"threadNsec,omitempty"`
}
