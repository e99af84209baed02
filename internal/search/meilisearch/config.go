package meilisearch

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"meridian/internal/search"
	"meridian/internal/search/concept"
)

// Config configures the client of a server. URL is required.
type Config struct {
	URL    string // of the server, http or https, such as https://search.internal:7700
	APIKey string // not the master key; Open and NewEngine say which actions it needs
	Index  string // the prefix of the indexes' names; default "products"

	Words search.Words // default search.ShippedWords; empty, not nil, for none
	// Lexicon holds the words of documents, by which typing errors are corrected; default a new one. The Store fills it. An
	// Engine that is given that of the own region's Store corrects as well as that one.
	Lexicon *concept.Lexicon

	Timeout     time.Duration     // of one request; default 30s. The caller's deadline applies too.
	TaskTimeout time.Duration     // of a task that the server has accepted, if the caller has no deadline; default 10m
	Transport   http.RoundTripper // default: a new http.Transport; set it to add tracing
	Log         *slog.Logger      // default slog.Default
}

// maxConnections bounds the connections to the server, which runs four searches per core at once.
const maxConnections = 128

// withDefaults returns the configuration with defaults for zero values.
func (c Config) withDefaults() Config {
	c.URL = strings.TrimRight(c.URL, "/")
	c.Index = cmp.Or(c.Index, "products")
	c.Timeout = cmp.Or(c.Timeout, 30*time.Second)
	c.TaskTimeout = cmp.Or(c.TaskTimeout, 10*time.Minute)
	if c.Words == nil {
		c.Words = search.ShippedWords()
	}
	if c.Lexicon == nil {
		c.Lexicon = new(concept.Lexicon)
	}
	if c.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost, transport.MaxConnsPerHost = maxConnections/2, maxConnections
		c.Transport = transport
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// indexName matches the index names that Meilisearch accepts, with room for suffixes.
var indexName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,300}$`)

// Validate returns all errors of the configuration at once. They do not show the key.
func (c Config) Validate() error {
	var errs []error
	need := func(ok bool, problem string) {
		if !ok {
			errs = append(errs, errors.New("meilisearch: "+problem))
		}
	}
	u, err := url.Parse(c.URL)
	need(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil,
		"the url is not one of http or https, without a user in it")
	need(c.Index == "" || indexName.MatchString(c.Index), "the name of the index may have letters, digits, - and _ only")
	need(c.Timeout >= 0 && c.TaskTimeout >= 0, "a duration is below 0")
	return errors.Join(errs...)
}
