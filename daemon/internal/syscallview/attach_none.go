//go:build !amd64 && !arm64

package syscallview

import "errors"

// There are programs for amd64 and arm64 only.
var errArchitecture = errors.New("there are no programs for this architecture")

// Kernel is the running kernel.
type Kernel struct{}

// Open fails.
func Open() (*Kernel, error) { return nil, errArchitecture }

// Attach fails.
func (*Kernel) Attach(Feature, Config) (*Attached, error) { return nil, errArchitecture }

// Load fails.
func (*Kernel) Load(Feature, Config) error { return errArchitecture }

// Attached is nothing here.
type Attached struct{}

// Close does nothing.
func (*Attached) Close() {}
