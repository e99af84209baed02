package local

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"meridian/regions"
)

// loopback is the only address the shop listens on.
const loopback = "127.0.0.1"

// listeners are the open ports of the shop.
type listeners struct {
	edges   map[string]net.Listener // by region
	sandbox net.Listener
	regions map[string]net.Listener
	failure error
	taken   []string // ports, and whom they are for
}

// listen opens every port at once, so that a taken port is reported before anything is started.
func listen(edgePort int, set *regions.Set, edges []string) (*listeners, error) {
	l := &listeners{edges: make(map[string]net.Listener), regions: make(map[string]net.Listener)}
	port := edgePort
	open := func(who string) net.Listener {
		listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			l.fail(who, port, err)
		}
		if edgePort != 0 {
			port++
		}
		return listener
	}
	l.edges[edges[0]] = open("the edge")
	for _, region := range set.All() {
		l.regions[region.Name] = open(region.Name)
	}
	l.sandbox = open("the payment sandbox")
	for _, region := range edges[1:] {
		l.edges[region] = open("the edge of " + region)
	}
	if err := l.err(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *listeners) fail(who string, port int, err error) {
	if errors.Is(err, syscall.EADDRINUSE) {
		l.taken = append(l.taken, fmt.Sprintf("%d (%s)", port, who))
		return
	}
	l.failure = errors.Join(l.failure, err)
}

// err returns what is wrong with any of the ports, in one line.
func (l *listeners) err() error {
	if l.taken == nil {
		return l.failure
	}
	return errors.Join(l.failure, fmt.Errorf("ports that are taken: %s. Perhaps the shop is open already; stop what uses them, or "+
		"choose others: meridian up --port 9100",
		strings.Join(l.taken, ", ")))
}

func (l *listeners) close() {
	for _, listener := range l.all() {
		_ = listener.Close()
	}
}

func (l *listeners) all() []net.Listener {
	var all []net.Listener
	for _, listener := range slices.Concat([]net.Listener{l.sandbox}, slices.Collect(maps.Values(l.edges)),
		slices.Collect(maps.Values(l.regions))) {
		if listener != nil {
			all = append(all, listener)
		}
	}
	return all
}

// urlOf returns the URL at which a listener is reached.
func urlOf(l net.Listener) string { return "http://" + l.Addr().String() }
