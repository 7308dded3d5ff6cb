//go:build amd64 || arm64

package syscallview

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
)

// Kernel is the running kernel, as the programs need to know it.
type Kernel struct{ types *btf.Spec }

// Open reads the kernel's types. The error says in one line why no feature can
// work here.
func Open() (*Kernel, error) {
	if err := Fit(); err != nil {
		return nil, err
	}
	types, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("the kernel's types (BTF): %w", err)
	}
	return &Kernel{types}, nil
}

// Attach loads the programs of one feature and attaches them. Those that an
// earlier podview had pinned go on until these are attached, and both give the
// same answer meanwhile.
func (k *Kernel) Attach(f Feature, c Config) (*Attached, error) {
	spec, err := k.specOf(f, c)
	if err != nil {
		return nil, err
	}
	dir := ""
	if c.PinDir != "" {
		dir = filepath.Join(c.PinDir, string(f))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	programs, err := k.load(spec, dir)
	if err != nil {
		return nil, explain(err)
	}
	defer programs.Close() // links and pins keep what they need
	if order := programs.Maps["order"]; order != nil && c.Order != nil {
		if err := putOrder(order, c.Order); err != nil {
			return nil, err
		}
	}
	a := &Attached{}
	for name, program := range programs.Programs {
		l, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err == nil && dir != "" {
			a.links = append(a.links, l)
			err = pinOver(l.Pin, filepath.Join(dir, name))
		} else if err == nil {
			a.links = append(a.links, l)
		}
		if err != nil {
			a.Close()
			return nil, fmt.Errorf("attach %s: %w", name, err)
		}
	}
	return a, nil
}

// Attached are programs at work. Closed, only those that are pinned stay so.
type Attached struct{ links []link.Link }

// Close may be called on nil.
func (a *Attached) Close() {
	if a == nil {
		return
	}
	for _, l := range a.links {
		_ = l.Close()
	}
	a.links = nil
}

// Load is a rehearsal of Attach: the verifier's word, without any effect.
func (k *Kernel) Load(f Feature, c Config) error {
	spec, err := k.specOf(f, c)
	if err != nil {
		return err
	}
	programs, err := k.load(spec, "")
	if err != nil {
		return explain(err)
	}
	programs.Close()
	return nil
}

// specOf is the feature's part of the object, with its constants.
func (k *Kernel) specOf(f Feature, c Config) (*ebpf.CollectionSpec, error) {
	spec, err := loadKernel()
	if err != nil {
		return nil, err
	}
	for name, program := range spec.Programs {
		var function *btf.Func
		err := k.types.TypeByName(program.AttachTo, &function)
		// A kernel without 32-bit programs has no calls of theirs.
		if !slices.Contains(f.programs(), name) || isCompat(name) && errors.Is(err, btf.ErrNotFound) {
			delete(spec.Programs, name)
		} else if err != nil {
			return nil, fmt.Errorf("the kernel has no function %s to attach to: %w", program.AttachTo, err)
		}
	}
	if f == Sysinfo {
		delete(spec.Maps, "asked")
		delete(spec.Maps, "scratch")
		delete(spec.Maps, "order")
	} else {
		delete(spec.Maps, "loads")
	}
	return spec, c.set(spec)
}

func (k *Kernel) load(spec *ebpf.CollectionSpec, pinDir string) (*ebpf.Collection, error) {
	options := ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{KernelTypes: k.types}}
	if pinDir != "" {
		options.Maps.PinPath = pinDir
		for _, name := range lasting {
			if m := spec.Maps[name]; m != nil {
				m.Pinning = ebpf.PinByName
			}
		}
	}
	programs, err := ebpf.NewCollectionWithOptions(spec, options)
	if errors.Is(err, ebpf.ErrMapIncompatible) { // another version's: its contents are lost
		for _, name := range lasting {
			_ = os.Remove(filepath.Join(pinDir, name))
		}
		programs, err = ebpf.NewCollectionWithOptions(spec, options)
	}
	return programs, err
}

// lasting are the maps whose contents the next podview goes on with.
var lasting = []string{"asked", "loads", "order"}

// explain makes one line of the verifier's many.
func explain(err error) error {
	var verifier *ebpf.VerifierError
	if errors.As(err, &verifier) && len(verifier.Log) > 0 {
		return fmt.Errorf("the kernel's verifier refuses the programs: %w: %s", verifier.Cause, verifier.Log[max(0, len(verifier.Log)-2)])
	}
	return fmt.Errorf("load the programs: %w", err)
}

func isCompat(name string) bool { return strings.HasSuffix(name, "_compat") }
