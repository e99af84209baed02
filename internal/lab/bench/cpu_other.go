//go:build !linux

package bench

import (
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// processes lists this machine's, as ps tells them. It knows nothing of children that have
// ended.
func processes() ([]process, error) {
	text, err := exec.Command("ps", "-A", "-o", "pid=,ppid=,time=").Output()
	if err != nil {
		return nil, listError(err)
	}
	var all []process
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		pid, pidErr := strconv.Atoi(fields[0])
		parent, parentErr := strconv.Atoi(fields[1])
		used, timeErr := parseTime(fields[2])
		if pidErr == nil && parentErr == nil && timeErr == nil {
			all = append(all, process{pid: pid, parent: parent, used: used})
		}
	}
	return all, nil
}

// parseTime reads ps's [[hours:]minutes:]seconds[.hundredths].
func parseTime(text string) (time.Duration, error) {
	var seconds float64
	for part := range strings.SplitSeq(text, ":") {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return 0, err
		}
		seconds = seconds*60 + n
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
