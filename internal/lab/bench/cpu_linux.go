package bench

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the times in /proc: USER_HZ, which is 100 on every Linux that Go
// runs on.
const clockTick = time.Second / 100

// processes lists this machine's, from /proc.
func processes() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, listError(err)
	}
	var all []process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		text, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue // it has ended meanwhile
		}
		if p, err := parseStat(pid, string(text)); err == nil {
			all = append(all, p)
		}
	}
	return all, nil
}

// parseStat reads a process's line: see proc_pid_stat(5). The name, in brackets, may hold
// anything, brackets and spaces included.
func parseStat(pid int, line string) (process, error) {
	end := strings.LastIndexByte(line, ')')
	if end < 0 {
		return process{}, errors.New("no name")
	}
	const parent, utime, times = 1, 11, 4 // fields after the name, which is the second
	fields := strings.Fields(line[end+1:])
	if len(fields) < utime+times {
		return process{}, errors.New("too few fields")
	}
	p := process{pid: pid}
	var err error
	if p.parent, err = strconv.Atoi(fields[parent]); err != nil {
		return process{}, err
	}
	for _, field := range fields[utime : utime+times] { // own user and system time, and that of children waited for
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return process{}, err
		}
		p.used += time.Duration(ticks) * clockTick
	}
	return p, nil
}
