package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// gzipSuffix is what compression appends to an ETag, inside the quotes: other bytes, another tag.
const gzipSuffix = "-gzip"

// versionETag returns the ETag of something that counts its changes; ifMatch reads it back.
func versionETag(version int64) string { return `"v` + strconv.FormatInt(version, 10) + `"` }

// contentETag returns the ETag of an answer that has no version of its own, from its bytes.
func contentETag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// ifMatch reads the version that the caller's change is based on. Without the header it is a 428; with a tag that is
// no version of ours it is a 412, since nothing here ever was that.
func ifMatch(r *http.Request) (version int64, err error) {
	header := strings.Join(r.Header.Values("If-Match"), ",")
	if header == "" {
		return 0, &Problem{Code: "precondition_required"}
	}
	if header == "*" || strings.Contains(header, ",") {
		return 0, BadRequest("If-Match must name one version.",
			FieldError{Field: "If-Match", Message: `must be the ETag that you read, such as "v3"`})
	}
	digits, ok := strings.CutPrefix(withoutSuffix(header), `"v`)
	version, err = strconv.ParseInt(strings.TrimSuffix(digits, `"`), 10, 64)
	if !ok || err != nil || version < 1 || versionETag(version) != withoutSuffix(header) {
		return 0, &Problem{Code: "precondition_failed"}
	}
	return version, nil
}

// notModified sets the answer's ETag and reports whether the caller has it already; 304 is then answered and the
// handler is done.
func notModified(w http.ResponseWriter, r *http.Request, etag string) bool {
	w.Header().Set("ETag", etag)
	header := strings.Join(r.Header.Values("If-None-Match"), ",")
	if header == "" {
		return false
	}
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || withoutSuffix(tag) == etag {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

// withoutSuffix returns the tag of the same answer uncompressed.
func withoutSuffix(tag string) string {
	if base, ok := strings.CutSuffix(tag, gzipSuffix+`"`); ok {
		return base + `"`
	}
	return tag
}

// setAge sets how old the answer may be. Every operation whose x-consistency is bounded calls it.
func setAge(w http.ResponseWriter, age time.Duration) {
	w.Header().Set("Age", strconv.Itoa(seconds(max(0, age))))
}

// cachePublic lets everyone, also a CDN, keep the answer for maxAge and show it for as long again while fetching it
// anew. Only for answers that are the same for everyone.
func cachePublic(w http.ResponseWriter, maxAge time.Duration) {
	age := strconv.Itoa(seconds(maxAge))
	w.Header().Set("Cache-Control", "public, max-age="+age+", stale-while-revalidate="+age)
}
