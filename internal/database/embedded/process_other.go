//go:build !linux

package embedded

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// endWithParent does nothing: only Linux can tie a child to its parent. Elsewhere a server survives a killed
// Meridian, and the next start on its folder names its pid.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}

// childrenOf lists the processes that pid started.
func childrenOf(pid int) ([]int, error) {
	list, err := exec.Command("ps", "-axo", "pid=,ppid=").Output()
	if err != nil {
		return nil, fmt.Errorf("list processes with ps: %w", err)
	}
	var children []int
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		child, err := strconv.Atoi(fields[0])
		if err != nil {
			return nil, fmt.Errorf("list processes with ps: %w", err)
		}
		children = append(children, child)
	}
	return children, nil
}

// isRunning reports whether there is such a process.
func isRunning(pid int) bool { return alive(pid) }
