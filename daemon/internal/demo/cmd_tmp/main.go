package main

import (
	"os"

	"github.com/podview/podview/daemon/internal/demo"
)

func main() {
	switch os.Args[1] {
	case "demo":
		os.Exit(demo.Main(os.Args[2:]))
	case "demo-init":
		os.Exit(demo.Init(os.Args[2:]))
	}
	os.Stderr.WriteString("no such: " + os.Args[1] + "\n")
	os.Exit(3)
}
