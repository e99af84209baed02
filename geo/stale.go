package geo

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"
)

// Answers that anybody may see are kept for when no region answers.
const (
	// staleAfter is how often an answer is kept anew: copying every one would cost more than it brings.
	staleAfter = 10 * time.Second
	// staleFor is how old an answer may be given at most.
	staleFor = time.Hour
	// maxStale bounds one answer, in bytes.
	maxStale = 256 << 10
)

// keyedBy are the headers of requests by which answers are kept apart. Answers that vary by others are not kept.
var keyedBy = []string{"Accept", "Accept-Encoding", "Accept-Language", headerCountry, "Origin"}

// A staleCache keeps answers.
type staleCache struct {
	answers *otter.Cache[string, *keptAnswer]
}

// A keptAnswer is an answer that was given before.
type keptAnswer struct {
	status int
	header http.Header
	body   []byte
	region string
	at     time.Time
}

func newStaleCache(most int64) (*staleCache, error) {
	answers, err := otter.New(&otter.Options[string, *keptAnswer]{
		MaximumWeight:    uint64(most),
		Weigher:          func(key string, a *keptAnswer) uint32 { return uint32(len(key) + len(a.body) + 1024) },
		ExpiryCalculator: otter.ExpiryWriting[string, *keptAnswer](staleFor),
	})
	if err != nil {
		return nil, err
	}
	return &staleCache{answers: answers}, nil
}

// keyOf returns under what the answer to a request is kept, or "" where it is not.
func keyOf(out *http.Request) string {
	if out.Method != http.MethodGet || out.Header.Get("Authorization") != "" || out.Header.Get("Range") != "" {
		return ""
	}
	parts := []string{out.URL.RequestURI()}
	for _, name := range keyedBy {
		parts = append(parts, out.Header.Get(name))
	}
	return strings.Join(parts, "\x00")
}

// isKept reports whether an answer may be kept: anybody may see it, and it varies by nothing else than keyedBy.
func isKept(resp *http.Response) bool {
	if resp.StatusCode != http.StatusOK || resp.ContentLength > maxStale || resp.Header.Get("Set-Cookie") != "" ||
		!slices.Contains(listed(resp.Header, "Cache-Control"), "public") {
		return false
	}
	return !slices.ContainsFunc(listed(resp.Header, "Vary"), func(name string) bool {
		return !slices.ContainsFunc(keyedBy, func(known string) bool { return strings.EqualFold(known, name) })
	})
}

// keep copies the answer to a request while it is read, if it may be kept and was not a moment ago.
func (c *staleCache) keep(out *http.Request, region string, resp *http.Response) {
	if !isKept(resp) {
		return
	}
	key := keyOf(out)
	if key == "" {
		return
	}
	if known, ok := c.answers.GetIfPresent(key); ok && time.Since(known.at) < staleAfter {
		return
	}
	resp.Body = &copyingBody{ReadCloser: resp.Body, whole: func(body []byte) {
		c.answers.Set(key, &keptAnswer{status: resp.StatusCode, header: resp.Header.Clone(), body: body, region: region, at: time.Now()})
	}}
}

// copyingBody copies what is read, and gives the copy to whole when all was.
type copyingBody struct {
	io.ReadCloser
	copied bytes.Buffer
	whole  func([]byte)
}

// Read reads from the region.
func (b *copyingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.whole != nil {
		if b.copied.Write(p[:n]); b.copied.Len() > maxStale {
			b.whole, b.copied = nil, bytes.Buffer{}
		}
	}
	if err == io.EOF && b.whole != nil {
		b.whole(b.copied.Bytes())
		b.whole = nil
	}
	return n, err
}

// answer returns an answer to the request that was kept, or nil.
func (c *staleCache) answer(out *http.Request) (*http.Response, string) {
	key := keyOf(out)
	if key == "" {
		return nil, ""
	}
	kept, ok := c.answers.GetIfPresent(key)
	if !ok || time.Since(kept.at) > staleFor {
		return nil, ""
	}
	header := kept.header.Clone()
	header.Set("Age", strconv.Itoa(int(time.Since(kept.at).Seconds())))
	header.Set("Cache-Control", "no-store") // whoever gets it should ask again soon
	return &http.Response{
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, StatusCode: kept.status, Header: header, ContentLength: int64(len(kept.body)),
		Body: io.NopCloser(bytes.NewReader(kept.body)),
	}, kept.region
}
