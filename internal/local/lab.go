package local

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"meridian/internal/lab/wan"
	"meridian/internal/local/pair"
	"meridian/internal/serve"
)

// The things that the lab of a running shop can be told to do.
const (
	LabCut       = "cut"       // hold everything from From to To
	LabSlow      = "slow"      // add By to the delay
	LabLoss      = "loss"      // lose that Share of the segments
	LabBandwidth = "bandwidth" // carry Rate bytes a second
	LabHeal      = "heal"      // give links their first settings
	LabKill      = "kill"      // end a region as a crash does
	LabStart     = "start"     // bring it back
)

// LabCommand tells the lab what to do. From and To name sites: regions, or the provider. With To empty, slow, loss,
// bandwidth and heal change all links from and to From; heal changes all there are with From empty as well. kill and start
// take a region in From.
type LabCommand struct {
	Do   string `json:"do"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Both changes the other direction, too. heal always does.
	Both bool `json:"both,omitempty"`
	// By is a time one way, in nanoseconds; Share is between 0 and 0.9; Rate is in bytes a second, 0 for no limit.
	By    time.Duration `json:"by,omitempty"`
	Share float64       `json:"share,omitempty"`
	Rate  int64         `json:"rate,omitempty"`
}

// LabLink is a direction between two sites.
type LabLink struct {
	From string `json:"from"`
	To   string `json:"to"`
	wan.Link
	// Changed says that the settings are not the first ones.
	Changed bool `json:"changed"`
	// Carried is how many bytes it has carried.
	Carried int64 `json:"carried"`
}

// LabRegion is a region as the lab sees it.
type LabRegion struct {
	Name string `json:"name"`
	Up   bool   `json:"up"`
}

// LabStatus describes the lab.
type LabStatus struct {
	Sites   []string    `json:"sites"`
	Regions []LabRegion `json:"regions"`
	Links   []LabLink   `json:"links"`
	// Database is the state of the PostgreSQL that the shop started; nil for a database that was there already.
	Database *pair.Status `json:"database,omitempty"`
}

// lab takes commands for a running shop.
type lab struct {
	shop     *Shop
	listener net.Listener
	token    string
	one      sync.Mutex // a command at a time
}

// openLab listens for commands, on a shop with distances.
func (s *Shop) openLab() error {
	if s.network == nil {
		return nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return fmt.Errorf("listen for the lab's commands: %w", err)
	}
	s.lab = &lab{shop: s, listener: listener, token: rand.Text()}
	if s.engine.pair == nil {
		return nil
	}
	return s.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "meridian_database_standby_synchronous",
		Help: "1 while the database's standby has every commit and would take over, else 0",
	}, s.synchronous))
}

// synchronous returns 1 while the database's standby would take over, else 0.
func (s *Shop) synchronous() float64 {
	if s.engine.pair.Status().Mode == pair.Synchronous {
		return 1
	}
	return 0
}

// serve answers until ctx ends.
func (l *lab) serve(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", l.handle(func(context.Context, LabCommand) error { return nil }))
	mux.HandleFunc("POST /command", l.handle(l.shop.Lab))
	return serve.Server{Name: "the lab", Handler: mux, Log: l.shop.config.Log}.Run(ctx, l.listener)
}

// maxCommandBytes bounds a command.
const maxCommandBytes = 4 << 10

// labFault is the answer to a command that was refused or failed.
type labFault struct {
	Error string `json:"error"`
}

// handle returns a handler that reads a command, does it, and answers with the status after it.
func (l *lab) handle(do func(context.Context, LabCommand) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(token), []byte(l.token)) != 1 {
			writeLab(w, http.StatusUnauthorized, labFault{"the token is not that of the shop's folder"})
			return
		}
		command, err := readCommand(http.MaxBytesReader(w, r.Body, maxCommandBytes), r.Method)
		if err == nil {
			l.one.Lock()
			defer l.one.Unlock()
			err = do(r.Context(), command)
		}
		if err != nil {
			writeLab(w, http.StatusBadRequest, labFault{err.Error()})
			return
		}
		writeLab(w, http.StatusOK, l.shop.LabStatus())
	}
}

// readCommand decodes a command; a request that asks for the status has none.
func readCommand(body io.Reader, method string) (c LabCommand, err error) {
	if method == http.MethodGet {
		return c, nil
	}
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return c, fmt.Errorf("the command cannot be read: %w", err)
	}
	return c, nil
}

func writeLab(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has left otherwise
}

// Lab does what the command says. It returns an error that names the fault if the command makes no sense.
func (s *Shop) Lab(ctx context.Context, c LabCommand) error {
	if s.network == nil {
		return errors.New("the shop has no distances: open it with --wan")
	}
	switch c.Do {
	case LabKill:
		return s.KillRegion(ctx, c.From)
	case LabStart:
		return s.reviveRegion(ctx, c.From)
	case LabHeal:
		c.Both = true
		if c.From == "" {
			s.network.Heal()
			return nil
		}
	}
	change, err := c.change()
	if err != nil {
		return err
	}
	directions, err := c.directions(s.network.Sites())
	if err != nil {
		return err
	}
	return s.changeLinks(directions, change)
}

// changeLinks changes the settings of links: all of them, or none if the settings of one would make no sense.
func (s *Shop) changeLinks(directions [][2]string, change func(now, base wan.Link) wan.Link) error {
	changed := make([]wan.Link, len(directions))
	for i, d := range directions {
		now, err := s.network.Link(d[0], d[1])
		if err != nil {
			return err
		}
		base, err := s.network.Base(d[0], d[1])
		if err != nil {
			return err
		}
		changed[i] = change(now, base)
		if err := changed[i].Validate(); err != nil {
			return err
		}
	}
	for i, d := range directions {
		if err := s.network.Set(d[0], d[1], changed[i]); err != nil {
			return err
		}
	}
	return nil
}

// change returns what the command does to a link's settings.
func (c LabCommand) change() (func(now, base wan.Link) wan.Link, error) {
	switch c.Do {
	case LabCut:
		return func(now, _ wan.Link) wan.Link { now.Cut = true; return now }, nil
	case LabSlow:
		if c.By <= 0 {
			return nil, fmt.Errorf("slow by %s: give a time above zero, such as --by 2s; heal ends it", c.By)
		}
		return func(now, base wan.Link) wan.Link { now.Delay = base.Delay + c.By; return now }, nil
	case LabLoss:
		return func(now, _ wan.Link) wan.Link { now.Loss = c.Share; return now }, nil
	case LabBandwidth:
		return func(now, _ wan.Link) wan.Link { now.Bandwidth = c.Rate; return now }, nil
	case LabHeal:
		return func(_, base wan.Link) wan.Link { return base }, nil
	}
	return nil, fmt.Errorf("the lab cannot %q: use %s", c.Do,
		strings.Join([]string{LabCut, LabSlow, LabLoss, LabBandwidth, LabHeal, LabKill, LabStart}, ", "))
}

// directions returns the directions that the command changes.
func (c LabCommand) directions(sites []string) ([][2]string, error) {
	switch {
	case c.From == "" || c.To == "" && c.Do == LabCut:
		return nil, fmt.Errorf("%s: name two sites of %s", c.Do, strings.Join(sites, ", "))
	case c.From == c.To:
		return nil, fmt.Errorf("%s: %s is one site; name two", c.Do, c.From)
	case c.To != "" && c.Both:
		return [][2]string{{c.From, c.To}, {c.To, c.From}}, nil
	case c.To != "":
		return [][2]string{{c.From, c.To}}, nil
	}
	var all [][2]string
	for _, other := range sites {
		if other != c.From {
			all = append(all, [2]string{c.From, other}, [2]string{other, c.From})
		}
	}
	return all, nil
}

// LabStatus returns the state of a shop with distances.
func (s *Shop) LabStatus() LabStatus {
	status := LabStatus{Sites: s.network.Sites()}
	if s.engine.pair != nil {
		database := s.engine.pair.Status()
		status.Database = &database
	}
	for _, region := range s.config.Regions.Names() {
		status.Regions = append(status.Regions, LabRegion{Name: region, Up: s.branches[region].isServing()})
	}
	for _, from := range status.Sites {
		for _, to := range status.Sites {
			if from == to {
				continue
			}
			now, _ := s.network.Link(from, to) // both sites are there
			base, _ := s.network.Base(from, to)
			carried, _ := s.network.Carried(from, to)
			status.Links = append(status.Links, LabLink{From: from, To: to, Link: now, Changed: now != base, Carried: carried})
		}
	}
	return status
}

// KillRegion ends a region as a crash does: its part of the database, its connections, and its server, at once.
func (s *Shop) KillRegion(ctx context.Context, name string) error {
	if _, ok := s.branches[name]; !ok {
		return fmt.Errorf("kill region %q: there is no such region; use one of %s", name, strings.Join(s.config.Regions.Names(), ", "))
	}
	if !s.branches[name].isServing() {
		return fmt.Errorf("kill region %s: %w: it is down already", name, ErrRegionState)
	}
	if err := s.KillDatabase(name); err != nil {
		return err
	}
	if err := s.network.Break(name); err != nil {
		return err
	}
	return s.StopRegion(ctx, name)
}

// reviveRegion brings a killed region back: its part of the database, and a new server. A standby comes last, because its copy
// takes a while and the server does not need it.
func (s *Shop) reviveRegion(ctx context.Context, name string) error {
	b, ok := s.branches[name]
	if !ok {
		return fmt.Errorf("start region %q: there is no such region; use one of %s", name, strings.Join(s.config.Regions.Names(), ", "))
	}
	steps := []func(context.Context, string) error{s.StartDatabase, s.startServer}
	if s.engine.pair != nil && s.engine.pair.Status().Primary != name {
		steps[0], steps[1] = steps[1], steps[0]
	}
	if b.isServing() && (s.engine.pair == nil || s.engine.pair.Runs(name)) {
		return fmt.Errorf("start region %s: %w: it is up", name, ErrRegionState)
	}
	for _, step := range steps {
		if err := step(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// startServer starts a region's server, unless it runs.
func (s *Shop) startServer(ctx context.Context, name string) error {
	if s.branches[name].isServing() {
		return nil
	}
	return s.StartRegion(ctx, name)
}

// KillDatabase ends a region's part of the database alone, as a crash of its server does. It does nothing where the region has
// none that this shop started.
func (s *Shop) KillDatabase(name string) error {
	if s.engine.kill == nil {
		return nil
	}
	return s.engine.kill(name)
}

// StartDatabase starts a region's part of the database, if it has one that does not run.
func (s *Shop) StartDatabase(ctx context.Context, name string) error {
	if s.engine.start == nil {
		return nil
	}
	return s.engine.start(ctx, name)
}
