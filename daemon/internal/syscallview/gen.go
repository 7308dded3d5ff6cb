package syscallview

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -no-global-types -target amd64,arm64 -cflags "-O2 -Wall -Werror -mcpu=v3" kernel bpf/syscallview.c
