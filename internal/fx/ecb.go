package fx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sony/gobreaker/v2"
)

// ECB is the European Central Bank's reference file, at its site or as a local file. Make one
// with NewECB or Shipped. It is safe for use by many goroutines.
type ECB struct {
	config  ECBConfig
	read    func(ctx context.Context) ([]byte, error)
	breaker *gobreaker.CircuitBreaker[[]Quotation]
}

var _ Source = (*ECB)(nil)

// ECBConfig says where the file is and how patient to be. Only Location has no default.
type ECBConfig struct {
	// Location is an http or https URL or the path of a file, in any format that Parse reads.
	Location string
	// Timeout is how long one fetch may take; default 30 s. The caller's deadline counts too.
	Timeout time.Duration
	// After BreakerTries fetches in a row that failed, default 3, the site is left alone for
	// BreakerPause, default ten minutes: Fetch fails at once. Then one may try.
	BreakerTries int
	BreakerPause time.Duration
	// Transport makes the calls; default http.DefaultTransport. Set it to add tracing.
	Transport http.RoundTripper
}

// NewECB checks the configuration. It fetches nothing yet.
func NewECB(config ECBConfig) (*ECB, error) {
	if config.Location == "" {
		return nil, errors.New("exchange rates: no location: give a URL or a file")
	}
	config.Timeout = cmp.Or(config.Timeout, 30*time.Second)
	if config.Transport == nil {
		config.Transport = http.DefaultTransport
	}
	e := newECB(config)
	if !strings.Contains(config.Location, "://") {
		e.read = e.readFile
		return e, nil
	}
	at, err := url.Parse(config.Location)
	if err != nil || (at.Scheme != "http" && at.Scheme != "https") || at.Host == "" {
		return nil, errors.New("exchange rates: the location is neither an http or https URL nor a file")
	}
	e.read = e.readURL
	return e, nil
}

// newECB is a source that lacks only its way to read.
func newECB(config ECBConfig) *ECB {
	tries := uint32(max(1, cmp.Or(config.BreakerTries, 3)))
	return &ECB{config: config, breaker: gobreaker.NewCircuitBreaker[[]Quotation](gobreaker.Settings{
		Name:        "exchange rates",
		Timeout:     cmp.Or(config.BreakerPause, 10*time.Minute),
		ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= tries },
		IsExcluded:  func(err error) bool { return errors.Is(err, context.Canceled) }, // the caller went
	})}
}

// Name returns SourceECB.
func (e *ECB) Name() string { return SourceECB }

// Fetch reads the file and returns every rate in it. A site that cannot be reached, answers with
// an error or with something else (*FormatError) counts as failed.
func (e *ECB) Fetch(ctx context.Context) ([]Quotation, error) {
	quotes, err := e.breaker.Execute(func() ([]Quotation, error) {
		file, err := e.read(ctx)
		if err != nil {
			return nil, err
		}
		return Parse(file)
	})
	if err != nil {
		return nil, fmt.Errorf("read exchange rates from %s: %w", e.where(), err)
	}
	return quotes, nil
}

// where returns the location as it may be shown: a URL's password and query may be secret.
func (e *ECB) where() string {
	at, err := url.Parse(e.config.Location)
	if err != nil || at.Host == "" {
		return e.config.Location
	}
	return at.Scheme + "://" + at.Host + at.EscapedPath()
}

func (e *ECB) readFile(context.Context) ([]byte, error) {
	file, err := os.Open(e.config.Location)
	if err != nil {
		return nil, errors.Unwrap(err) // the path is told already
	}
	defer file.Close()
	return readBounded(file)
}

func (e *ECB) readURL(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, e.config.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.config.Location, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "meridian")
	response, err := (&http.Client{Transport: e.config.Transport}).Do(request)
	var failed *url.Error
	if errors.As(err, &failed) {
		return nil, failed.Err // without the URL
	}
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", response.Status)
	}
	return readBounded(response.Body)
}
