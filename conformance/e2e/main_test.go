// Package e2e is podview on a real cluster: the manifests as users apply them,
// and pods that say what they see. `make e2e` runs it, docs/testing.md tells
// more.
package e2e

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/cluster"
)

func TestMain(m *testing.M) {
	cluster.Node()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	bin, dir := os.Getenv("E2E_BIN"), os.Getenv("E2E_DIR")
	if bin == "" || dir == "" {
		// The tests that need no cluster.
		return m.Run()
	}
	start := time.Now()
	stopped := removeOnSignal(dir)
	images, err := os.MkdirTemp("", "podview-e2e-images-")
	if err != nil {
		fmt.Println("FAIL:", err)
		return 1
	}
	defer os.RemoveAll(images)
	code := 1
	if err := up(bin, dir, images); err != nil {
		fmt.Println("FAIL: the cluster:", err)
	} else {
		fmt.Printf("cluster and podview are up after %.1f s\n", time.Since(start).Seconds())
		code = m.Run()
	}
	signal.Stop(stopped)
	if code != 0 {
		fmt.Println("logs:", collect())
	}
	err = down()
	if left := cluster.Leftovers(dir); err != nil || len(left) > 0 {
		fmt.Printf("FAIL: left behind: %v %s\n", err, strings.Join(left, "\n"))
		code = 1
	}
	fmt.Printf("\n%s%.0f s in all\n", &results, time.Since(start).Seconds())
	return code
}

// removeOnSignal: nothing stays when somebody is tired of waiting.
func removeOnSignal(dir string) chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cluster.Remove(dir)
		os.Exit(130)
	}()
	return signals
}
