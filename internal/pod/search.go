package pod

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meridian/internal/api"
	"meridian/internal/search"
	"meridian/internal/search/bleve"
	"meridian/internal/search/indexer"
	"meridian/internal/search/meilisearch"
	"meridian/internal/search/plain"
	"meridian/internal/secret"
	"meridian/internal/telemetry"
	"meridian/regions"
)

// SearchEngine names the search engine of a pod.
type SearchEngine string

// The search engines.
const (
	// SearchNone means that the engines of other regions answer, and the database.
	SearchNone SearchEngine = ""
	// SearchBleve is an index of this process, in a folder.
	SearchBleve SearchEngine = "bleve"
	// SearchMeilisearch is a server that the region's pods share.
	SearchMeilisearch SearchEngine = "meilisearch"
)

// SearchConfig configures a pod's search.
type SearchConfig struct {
	Engine SearchEngine
	// Dir is the folder of the embedded index, for this process alone. If it is lost, the index is filled again.
	Dir string
	// URL is where the region's Meilisearch is; Remotes are those of other regions, by the region's name.
	URL     string
	Remotes map[string]string
	// APIKey is the key of the region's server. RemoteKeys are those of other regions' servers, by the region's name; a
	// server without one takes APIKey.
	APIKey     secret.Bytes
	RemoteKeys map[string]secret.Bytes
	// Others are the indexes of other regions that are in this process, the nearest first.
	Others []search.Source
}

// Validate reports every fault at once.
func (c SearchConfig) Validate(set *regions.Set) error {
	var faults []error
	switch c.Engine {
	case SearchNone:
	case SearchBleve:
		if c.Dir == "" {
			faults = append(faults, errors.New("the embedded search engine needs a folder (--search-dir)"))
		}
	case SearchMeilisearch:
		faults = append(faults, c.own().Validate())
	default:
		faults = append(faults, fmt.Errorf("search engine %q is not known (--search-engine): use %s or %s", c.Engine, SearchBleve,
			SearchMeilisearch))
	}
	for region := range c.Remotes {
		if _, ok := set.Get(region); !ok {
			faults = append(faults, fmt.Errorf("search of region %q (--search-remotes): use one of %s", region, strings.Join(set.Names(), ", ")))
		}
		faults = append(faults, c.remote(region).Validate())
	}
	for region := range c.RemoteKeys {
		if _, ok := c.Remotes[region]; !ok {
			faults = append(faults, fmt.Errorf("key of the search of region %q (MERIDIAN_MEILI_REMOTE_KEYS): "+
				"the region has no server in --search-remotes", region))
		}
	}
	return errors.Join(faults...)
}

// own returns the configuration of the region's own server.
func (c SearchConfig) own() meilisearch.Config {
	return meilisearch.Config{URL: c.URL, APIKey: string(c.APIKey)}
}

// remote returns the configuration of another region's server.
func (c SearchConfig) remote(region string) meilisearch.Config {
	key, ok := c.RemoteKeys[region]
	if !ok {
		key = c.APIKey
	}
	return meilisearch.Config{URL: c.Remotes[region], APIKey: string(key)}
}

// openSearch opens the pod's index and makes its indexer.
func (p *Pod) openSearch(ctx context.Context) (err error) {
	c := p.config.Search
	feed := indexer.Config{DB: p.DB, Prices: p.Prices, Log: p.log, Meter: p.telemetry.Meter}
	switch c.Engine {
	case SearchNone:
		return nil
	case SearchBleve:
		p.Index, err = storeOf(bleve.Open(bleve.Config{Dir: c.Dir, Log: p.log}))
		feed.Replica, feed.Exclusive = embeddedReplica(c.Dir), true
	case SearchMeilisearch:
		config := c.own()
		config.Lexicon, config.Log, config.Transport = &p.lexicon, p.log, p.transport(telemetry.Peer{Name: "meilisearch"})
		p.Index, err = storeOf(meilisearch.Open(ctx, config))
		feed.Replica = string(SearchMeilisearch)
	}
	if err != nil {
		return err
	}
	feed.Store = p.Index
	p.feed, err = indexer.New(feed)
	return err
}

// storeOf returns the store as an interface that is nil if there is an error.
func storeOf[S search.Store](store S, err error) (search.Store, error) {
	if err != nil {
		return nil, err
	}
	return store, nil
}

// embeddedReplica returns the name of an index in a folder of this machine.
func embeddedReplica(dir string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	sum := sha256.Sum256([]byte(dir))
	return host + "-" + hex.EncodeToString(sum[:4])
}

// ownSearch returns the pod's own index as a source of answers, if it has one.
func (p *Pod) ownSearch() []search.Source {
	if p.Index == nil {
		return nil
	}
	live := p.Index.Live()
	return []search.Source{{Name: p.config.Region, Engine: live, Filled: func(ctx context.Context) (bool, error) {
		return indexer.Filled(ctx, live)
	}}}
}

// searchSources returns where searches are answered, the best first: here, in the nearest other regions, in the
// database.
func (p *Pod) searchSources() ([]search.Source, error) {
	sources := append(p.ownSearch(), p.config.Search.Others...)
	for _, region := range p.config.Regions.Failover(p.config.Region) {
		if _, ok := p.config.Search.Remotes[region.Name]; !ok {
			continue
		}
		config := p.config.Search.remote(region.Name)
		config.Lexicon, config.Log, config.Transport = &p.lexicon, p.log, p.transport(telemetry.Peer{Name: "meilisearch"})
		engine, err := meilisearch.NewEngine(config)
		if err != nil {
			return nil, err
		}
		sources = append(sources, search.Source{Name: region.Name, Engine: search.RemoteEngine{Engine: engine}, Degraded: search.RemoteRegion,
			Timeout: remoteTimeout})
	}
	return append(sources, search.Source{Name: "database", Engine: plain.Engine{Catalog: p.Catalog}, Degraded: search.FromDatabase}), nil
}

// remoteTimeout bounds a query to another region: the way there and back, up to 230 ms, and the search.
const remoteTimeout = 600 * time.Millisecond

// searchChecks returns the readiness check that describes the index. It never makes a pod unready, because searches
// are answered without it.
func (p *Pod) searchChecks() []api.Check {
	if p.feed == nil {
		return nil
	}
	return []api.Check{{Name: "search", Detail: func() string { return p.feed.Status().String() }}}
}

// feeds reports whether this process feeds an index of the engine. An embedded index is fed by the process that has
// it open, a server's by the one that does the region's background work.
func (p *Pod) feeds(engine SearchEngine) bool {
	return p.feed != nil && p.config.Search.Engine == engine
}
