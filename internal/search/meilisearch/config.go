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
)

// Config says where a server is and how it is asked. URL has no default.
type Config struct {
	URL    string // of the server, http or https, such as https://search.internal:7700
	APIKey string // not the master key: one that may do what is asked of the index and of PREFIX_* (see Open and NewEngine)
	Index  string // the prefix of the indexes' names; default "products"

	Words        search.Words // default search.ShippedWords
	WithoutWords bool         // no synonyms and no stop words at all

	Timeout     time.Duration     // of one request; default 30s. The caller's deadline counts too.
	TaskTimeout time.Duration     // of what the server does after it accepted it, where the caller has no deadline; default 10m
	Transport   http.RoundTripper // default: one of its own; set it to add tracing
	Log         *slog.Logger      // default slog.Default
}

// maxConnections bounds the connections to the server, which itself works on four searches a core at once.
const maxConnections = 128

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	c.URL = strings.TrimRight(c.URL, "/")
	c.Index = cmp.Or(c.Index, "products")
	c.Timeout = cmp.Or(c.Timeout, 30*time.Second)
	c.TaskTimeout = cmp.Or(c.TaskTimeout, 10*time.Minute)
	switch {
	case c.WithoutWords:
		c.Words = nil
	case c.Words == nil:
		c.Words = search.ShippedWords()
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

// indexName is what Meilisearch takes, with room for what is put behind it.
var indexName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,300}$`)

// Validate reports every fault at once, without showing the key.
func (c Config) Validate() error {
	var faults []error
	need := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, errors.New("meilisearch: "+fault))
		}
	}
	u, err := url.Parse(c.URL)
	need(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil, "the url is not one of http or https, without a user in it")
	need(c.Index == "" || indexName.MatchString(c.Index), "the name of the index may have letters, digits, - and _ only")
	need(c.Timeout >= 0 && c.TaskTimeout >= 0, "a duration is below 0")
	return errors.Join(faults...)
}
