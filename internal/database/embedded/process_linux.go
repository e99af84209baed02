package embedded

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// endWithParent has the kernel send the signal to the child when the thread that starts it ends.
func endWithParent(attr *syscall.SysProcAttr, signal syscall.Signal) {
	attr.Pdeathsig = signal
}

// childrenOf lists the processes that pid started.
func childrenOf(pid int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var children []int
	for _, entry := range entries {
		child, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		if _, parent := statusOf(child); parent == pid {
			children = append(children, child)
		}
	}
	return children, nil
}

// isRunning reports whether a process is still at work. A process that has ended but has not been reaped is not.
func isRunning(pid int) bool {
	state, _ := statusOf(pid)
	return state != "" && state != "Z" && state != "X"
}

// statusOf returns a process's state, "" if there is none, and its parent. The name before them, in parentheses, may
// hold any character.
func statusOf(pid int) (state string, parent int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0 // it has ended
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return "", 0
	}
	parent, _ = strconv.Atoi(fields[1]) // the kernel writes numbers
	return fields[0], parent
}
