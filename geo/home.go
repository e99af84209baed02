package geo

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

const (
	// maxPathParts bounds how much of a path is searched for an id; the API's longest has fewer.
	maxPathParts = 16
	// maxTokenBytes bounds the token that is looked into; ours are a tenth of it.
	maxTokenBytes = 8 << 10
)

// regionOfPath returns the home region of the first public id in the path, or "".
func (e *Edge) regionOfPath(path string) string {
	for i := 0; i < maxPathParts && path != ""; i++ {
		var part string
		part, path, _ = strings.Cut(path, "/")
		part, _, _ = strings.Cut(part, ":") // a method, such as :cancel
		prefix, _, isID := strings.Cut(part, "_")
		if !isID {
			continue
		}
		if ref, err := e.cfg.Regions.ParseID(prefix, part); err == nil {
			return ref.Region
		}
	}
	return ""
}

// regionOfToken returns the home region that the access token names, or "". The token is not verified: whoever forges
// one only chooses which region will refuse it.
func (e *Edge) regionOfToken(r *http.Request) string {
	token := e.accessToken(r)
	if len(token) > maxTokenBytes {
		return ""
	}
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	var claims struct {
		HomeRegion string `json:"hr"`
	}
	if err := json.Unmarshal(text, &claims); err != nil {
		return ""
	}
	return claims.HomeRegion
}

func (e *Edge) accessToken(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if e.cfg.AccessTokenCookie != "" {
		if cookie, err := r.Cookie(e.cfg.AccessTokenCookie); err == nil {
			return cookie.Value
		}
	}
	return ""
}
