package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// TestRollout: a node that is down does not keep podview's update from the
// others.
func TestRollout(t *testing.T) {
	alone(t, "one of three nodes is down", nil, func(s *space) {
		if len(nodes) > 1 {
			s.Skip("the rollout is of three nodes, of which two are made here: it runs with E2E=v1")
		}
		s.podviewReady("")
		s.addNode("well")
		s.addNode("down")
		s.kubeletOf("well")
		s.until(time.Minute, "podview on both new nodes", func() error {
			for node, want := range map[string]string{"well": "True", "down": ""} {
				if name, ready := podviewOn(s, node); name == "" || ready != want {
					return fmt.Errorf("on %s pod %q is ready %q", node, name, ready)
				}
			}
			// What is not available (minReadySeconds) is updated beyond maxSurge.
			if available := s.daemonSets("{.items[*].status.numberAvailable}"); available != "2" {
				return fmt.Errorf("%s are available", available)
			}
			return nil
		})
		here, before := s.podviewPod(), map[string]string{}
		for _, node := range []string{"well", "down"} {
			before[node], _ = podviewOn(s, node)
		}
		began := time.Now()
		for _, name := range strings.Fields(s.daemonSets("{.items[*].metadata.name}")) {
			kube(s.T, 30*time.Second, "", "-n", "podview-system", "rollout", "restart", "daemonset", name)
		}
		s.podviewReady(here)
		s.until(time.Minute, "the update of the other node that is up", func() error {
			if name, ready := podviewOn(s, "well"); name == before["well"] || ready != "True" {
				return fmt.Errorf("pod %q is ready %q, before %q", name, ready, before["well"])
			}
			return nil
		})
		s.Logf("two nodes were updated after %.1f s, beside one that is down", time.Since(began).Seconds())
	})
}

// addNode adds one without a kubelet, otherwise as the scenario's.
func (s *space) addNode(name string) {
	s.Helper()
	var here struct {
		Metadata struct{ Labels map[string]string }
		Status   struct {
			Capacity    map[string]string `json:"capacity"`
			Allocatable map[string]string `json:"allocatable"`
		}
	}
	if err := json.Unmarshal([]byte(kube(s.T, 30*time.Second, "", "get", "node", s.node.host, "-o", "json")), &here); err != nil {
		s.Fatal(err)
	}
	labels := maps.Clone(here.Metadata.Labels)
	labels["kubernetes.io/hostname"] = name
	object, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": name, "labels": labels},
	})
	if err != nil {
		s.Fatal(err)
	}
	status, err := json.Marshal(map[string]any{"status": here.Status})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_, _ = try(30*time.Second, "", "delete", "node", name, "--ignore-not-found")
		_, _ = try(time.Minute, "", "-n", "podview-system", "delete", "pods", "--force", "--grace-period=0", "--field-selector=spec.nodeName="+name)
	})
	kube(s.T, 30*time.Second, string(object), "apply", "-f", "-")
	kube(s.T, 30*time.Second, "", "patch", "node", name, "--subresource=status", "--patch", string(status))
}

// kubeletOf says of a node's pods what a kubelet would: they are ready at
// once, and gone when they are told to.
func (s *space) kubeletOf(node string) {
	s.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	s.Cleanup(func() { stop(); <-ended })
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := kubeletTurn(node); err != nil {
				s.Logf("%s: %v", node, err)
			}
			time.Sleep(500 * time.Millisecond)
		}
	}()
}

func kubeletTurn(node string) error {
	now := time.Now().UTC().Format(time.RFC3339)
	ready := `{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": "` + now + `", "lastTransitionTime": "` + now + `"}`
	_, errNode := try(30*time.Second, "", "patch", "node", node, "--subresource=status", "--patch", `{"status": {"conditions": [`+ready+`]}}`)
	text, err := try(30*time.Second, "", "-n", "podview-system", "get", "pods", "--field-selector=spec.nodeName="+node,
		"-o", `jsonpath={range .items[*]}{.metadata.name}={.metadata.deletionTimestamp}={.status.phase}{"\n"}{end}`)
	if err = errors.Join(errNode, err); err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), "=")
		deleted, phase, _ := strings.Cut(rest, "=")
		switch {
		case name == "":
		case deleted != "":
			_, err = try(30*time.Second, "", "-n", "podview-system", "delete", "pod", name, "--force", "--grace-period=0", "--ignore-not-found")
		case phase == "Pending":
			_, err = try(30*time.Second, "", "-n", "podview-system", "patch", "pod", name, "--subresource=status", "--patch",
				`{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "`+now+`"}]}}`)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// podviewOn is the pods of podview on a node, and whether they are ready.
func podviewOn(s *space, node string) (names, ready string) {
	s.Helper()
	text := kube(s.T, 30*time.Second, "", "-n", "podview-system", "get", "pods", "-l", "app.kubernetes.io/name=podview", "--field-selector=spec.nodeName="+node,
		"-o", `jsonpath={.items[*].metadata.name}={.items[*].status.conditions[?(@.type=="Ready")].status}`)
	names, ready, _ = strings.Cut(text, "=")
	return names, ready
}
