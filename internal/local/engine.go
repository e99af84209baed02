package local

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"meridian/internal/database/embedded"
	"meridian/internal/lab/wan"
	"meridian/internal/local/pair"
	"meridian/regions"
)

const (
	// databaseName is the shop's database on a server that Up started.
	databaseName = "meridian"
	// The folders of the servers' data, below the shop's.
	postgresDir  = "postgres"
	cockroachDir = "cockroach"
)

// engine is the database of a shop.
type engine struct {
	name string
	url  func(region string) string
	stop func(ctx context.Context) error
	died <-chan struct{} // closed when the server ends by itself; nil if that is not known

	// For the lab: where the servers are, and what ends and starts those of a region; nil where nothing can.
	pair    *pair.Pair
	servers []server
	kill    func(region string) error
	start   func(ctx context.Context, region string) error
}

// startPair starts PostgreSQL under a supervisor, which the lab needs, and which alone knows where the primary is once a
// standby has taken over.
func startPair(ctx context.Context, c Config, network *wan.Network) (*engine, error) {
	config := pair.Config{
		Dir: c.Dir, Primary: c.Regions.Primary().Name, Standby: c.Standby, Port: c.DatabasePort, Log: c.Log,
		Tell: func(line string) { fmt.Fprintln(c.Out, line) },
	}
	if network != nil {
		config.Reach, config.Cut = network.Expose, network.BreakTo
	}
	p, err := pair.Start(ctx, config)
	if err != nil {
		return nil, err
	}
	e := &engine{name: postgresName(p.Version()), stop: p.Stop, pair: p, kill: p.Kill, start: p.Revive}
	if network == nil {
		e.died = p.Exited() // nothing could start it again
	}
	if err := e.prepare(ctx, p); err != nil {
		return nil, errors.Join(err, p.Stop(ctx))
	}
	return e, nil
}

// prepare makes the database and finds out where it is.
func (e *engine) prepare(ctx context.Context, p *pair.Pair) error {
	if err := p.CreateDatabase(ctx, databaseName); err != nil {
		return err
	}
	var addresses []string
	for _, site := range p.Sites() {
		addresses = append(addresses, p.Address(site))
		e.servers = append(e.servers, server{site: site, address: p.Address(site)})
	}
	address, err := p.URL(databaseName)
	if err != nil {
		return err
	}
	if len(addresses) > 1 {
		if address, err = databaseAt(address, addresses...); err != nil {
			return err
		}
	}
	e.url = func(string) string { return address }
	return nil
}

// catchUpTimeout bounds how long a shop that opens waits for its standby.
const catchUpTimeout = 3 * time.Minute

// follow starts the database's standby, if it has one, and waits until that has everything.
func (e *engine) follow(ctx context.Context) error {
	if e.pair == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	return e.pair.Follow(ctx)
}

// server is a server of the database, at a host:port in a region.
type server struct{ site, address string }

// startEngine starts the configured database, or uses the given one.
func startEngine(ctx context.Context, c Config, network *wan.Network) (*engine, error) {
	switch {
	case c.DatabaseURL != "":
		servers, err := givenServer(c)
		if err != nil && c.WAN {
			return nil, err
		}
		return &engine{
			name: "the given database", servers: servers,
			url:  func(string) string { return c.DatabaseURL },
			stop: func(context.Context) error { return nil },
		}, nil
	case c.Engine == EngineCockroach:
		return startCockroach(ctx, c)
	}
	if c.WAN || pair.Recorded(c.Dir) {
		return startPair(ctx, c, network)
	}
	return startPostgres(ctx, c)
}

func startPostgres(ctx context.Context, c Config) (*engine, error) {
	server, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{
		Dir: filepath.Join(c.Dir, postgresDir), Port: c.DatabasePort, Durable: true,
		Tell: func(line string) { fmt.Fprintln(c.Out, line) },
	})
	if err != nil {
		return nil, err
	}
	if err := server.CreateDatabase(ctx, databaseName); err != nil {
		return nil, errors.Join(err, server.Stop(ctx))
	}
	return &engine{
		name: postgresName(server.Version()),
		url:  func(string) string { return server.URL(databaseName) },
		stop: server.Stop,
		died: server.Exited(),
	}, nil
}

// postgresName shortens what the server says of itself, "postgres (PostgreSQL) 15.18 (Debian …)", to "PostgreSQL
// 15.18".
func postgresName(version string) string {
	fields := strings.Fields(version)
	if len(fields) < 3 {
		return version
	}
	return "PostgreSQL " + fields[2]
}

func startCockroach(ctx context.Context, c Config) (*engine, error) {
	cluster, err := embedded.StartCockroach(ctx, embedded.CockroachConfig{
		Dir: filepath.Join(c.Dir, cockroachDir), Nodes: nodesOf(c.Regions, c.DatabasePort),
	})
	if err != nil {
		return nil, err
	}
	if err := cluster.CreateDatabase(ctx, databaseName); err != nil {
		return nil, errors.Join(err, cluster.Stop(ctx))
	}
	return &engine{
		name: fmt.Sprintf("CockroachDB, %d nodes", len(c.Regions.All())),
		url:  func(region string) string { return cluster.URL(region, databaseName) },
		stop: cluster.Stop,
	}, nil
}

// nodesOf returns one node for each region, the primary first.
func nodesOf(set *regions.Set, firstPort int) []embedded.Node {
	var nodes []embedded.Node
	for i, region := range set.All() {
		node := embedded.Node{Region: region.Name}
		if firstPort != 0 {
			node.ListenPort = firstPort + i
		}
		nodes = append(nodes, node)
	}
	return nodes
}
