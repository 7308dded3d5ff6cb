package holder

import (
	"bytes"
	"fmt"
	"os"

	"k8s.io/klog/v2"
)

// neverKilled is OOM_SCORE_ADJ_MIN: such a process is not killed for want of
// memory, nor with its cgroup (memory.oom.group; mm/oom_kill.c,
// oom_kill_memcg_member).
const neverKilled = "-1000"

// Exempt keeps the OOM killer from this process, where that is allowed: it
// takes CAP_SYS_RESOURCE. before is the score for those that it starts.
func Exempt() (before string, err error) {
	const file = "/proc/self/oom_score_adj"
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, []byte(neverKilled), 0); err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(text)), nil
}

// setOOMScore gives a process its score; empty for the one it has.
func setOOMScore(pid int, score string) {
	if score == "" {
		return
	}
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(score), 0); err != nil {
		klog.V(1).InfoS("A process keeps podview's exemption from the OOM killer", "pid", pid, "err", err)
	}
}
