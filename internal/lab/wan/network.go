package wan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Network is sites that are joined by links. The caller closes it.
type Network struct {
	sites []string
	links map[pair]*link
	ctx   context.Context // ends with the network
	stop  context.CancelFunc
	work  sync.WaitGroup

	mu       sync.Mutex
	exposed  map[route]*forwarder
	sessions map[*session]struct{}
	closed   bool
}

// New returns a network of sites at their real distances. It fails if the distance between two of them is not known.
func New(sites []Site) (*Network, error) {
	defaults, err := defaultLinks(sites)
	if err != nil {
		return nil, err
	}
	n := &Network{links: make(map[pair]*link), exposed: make(map[route]*forwarder), sessions: make(map[*session]struct{})}
	n.ctx, n.stop = context.WithCancel(context.Background())
	for _, site := range sites {
		n.sites = append(n.sites, site.Name)
	}
	for direction, base := range defaults {
		n.links[direction] = newLink(base)
	}
	for direction, l := range n.links {
		l.back = n.links[pair{direction.to, direction.from}]
	}
	return n, nil
}

// Sites returns the names of the sites, in the order of New.
func (n *Network) Sites() []string { return slices.Clone(n.sites) }

// link returns the link of a direction.
func (n *Network) link(from, to string) (*link, error) {
	for _, site := range []string{from, to} {
		if !slices.Contains(n.sites, site) {
			return nil, fmt.Errorf("there is no site %q: use one of %s", site, strings.Join(n.sites, ", "))
		}
	}
	return n.links[pair{from, to}], nil
}

// Link returns the settings of a direction.
func (n *Network) Link(from, to string) (Link, error) {
	l, err := n.link(from, to)
	if err != nil {
		return Link{}, err
	}
	now, _ := l.get()
	return now, nil
}

// Base returns the settings that a direction had at first, and has again after Heal.
func (n *Network) Base(from, to string) (Link, error) {
	l, err := n.link(from, to)
	if err != nil {
		return Link{}, err
	}
	return l.base, nil
}

// Set changes the settings of a direction. What is on the way keeps the delay that it left with; a cut holds it.
func (n *Network) Set(from, to string, settings Link) error {
	l, err := n.link(from, to)
	if err != nil {
		return err
	}
	if err := settings.Validate(); err != nil {
		return fmt.Errorf("the link from %s to %s: %w", from, to, err)
	}
	l.set(settings)
	return nil
}

// Heal gives every link its first settings.
func (n *Network) Heal() {
	for _, l := range n.links {
		l.set(l.base)
	}
}

// Carried returns how many bytes a direction has carried.
func (n *Network) Carried(from, to string) (int64, error) {
	l, err := n.link(from, to)
	if err != nil {
		return 0, err
	}
	return l.carried.Load(), nil
}

// RoundTrip waits for as long as a question from one site and its answer from the other are on the way, for callers that
// reach the other site without a connection. It returns ctx's error if ctx ends first, as it does while the link is cut.
func (n *Network) RoundTrip(ctx context.Context, from, to string) error {
	l, err := n.link(from, to)
	if err != nil {
		return err
	}
	if err := l.cross(ctx, holdTimeout); err != nil {
		return err
	}
	return l.back.cross(ctx, holdTimeout)
}

// Break resets every connection from or to a site at once, as if the site had lost its power.
func (n *Network) Break(site string) error {
	if _, err := n.link(site, site); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for s := range n.sessions {
		if s.from == site || s.to == site {
			s.stop()
		}
	}
	return nil
}

// BreakTo resets every connection to a server, a host:port, at once.
func (n *Network) BreakTo(target string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for s := range n.sessions {
		if s.target == target {
			s.stop()
		}
	}
}

// add registers a session, unless the network is closed.
func (n *Network) add(s *session) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.sessions[s] = struct{}{}
	return true
}

func (n *Network) remove(s *session) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.sessions, s)
}

// Close ends every connection and stops listening. It returns when nothing of the network runs any more.
func (n *Network) Close() error {
	n.mu.Lock()
	n.closed = true
	var faults []error
	for _, f := range n.exposed {
		faults = append(faults, f.listener.Close())
	}
	clear(n.exposed)
	n.mu.Unlock()
	n.stop()
	n.work.Wait()
	return errors.Join(faults...)
}

// Matrix returns the round trips between the sites as they are set now, without jitter, as a table for people.
func (n *Network) Matrix() string {
	var text strings.Builder
	width := 8
	for _, site := range n.sites {
		width = max(width, len(site)+2)
	}
	fmt.Fprintf(&text, "%-*s", width, "")
	for _, to := range n.sites {
		fmt.Fprintf(&text, "%*s", width, to)
	}
	for _, from := range n.sites {
		fmt.Fprintf(&text, "\n%-*s", width, from)
		for _, to := range n.sites {
			l := n.links[pair{from, to}]
			fmt.Fprintf(&text, "%*s", width, inMilliseconds(l.delay()+l.back.delay()))
		}
	}
	return text.String()
}

func inMilliseconds(d time.Duration) string {
	return fmt.Sprintf("%.4g ms", float64(d)/float64(time.Millisecond))
}
