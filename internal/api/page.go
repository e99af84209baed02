package api

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"meridian/internal/database"
)

// The size of a page where the caller does not say, and at most.
const (
	defaultPageSize = 20
	maxPageSize     = 100
)

// readPage reads the query's limit and cursor, which holds a position of the listing. listing names the listing, with
// whatever a cursor may not be carried over to, such as the sort order: a cursor of another one is refused, as is one
// that we did not make.
func readPage[P any](s *Server, r *http.Request, listing string) (page database.PageFilter[P], err error) {
	q := newQuery(r)
	page.Limit = q.Int("limit", defaultPageSize, 1, maxPageSize)
	cursor := q.Text("cursor", maxCursorBytes)
	if err := q.Err(); err != nil || cursor == "" {
		return page, err
	}
	page.After = new(P)
	return page, s.openCursor(cursor, listing, page.After)
}

const (
	maxCursorBytes  = 1024
	cursorTagBytes  = 16
	cursorSeparator = "."
)

// nextCursor returns the cursor of the page that begins after a position, "" for nil. It is signed, not secret.
func nextCursor[P any](s *Server, listing string, next *P) string {
	if next == nil {
		return ""
	}
	position := base64.RawURLEncoding.EncodeToString(marshal(next))
	tag := mac(s.keys.cursor[0], listing, position)[:cursorTagBytes]
	return position + cursorSeparator + base64.RawURLEncoding.EncodeToString(tag)
}

func (s *Server) openCursor(cursor, listing string, after any) error {
	position, tag, _ := strings.Cut(cursor, cursorSeparator)
	signature, err := base64.RawURLEncoding.Strict().DecodeString(tag)
	if err != nil || len(signature) != cursorTagBytes || !signedBy(s.keys.cursor, signature, listing, position) {
		return &Problem{Code: "bad_cursor"}
	}
	// Signed by us, so only an older version's cursor can fail here.
	body, err := base64.RawURLEncoding.DecodeString(position)
	if err != nil {
		return &Problem{Code: "bad_cursor", Err: err}
	}
	if err := json.Unmarshal(body, after, json.RejectUnknownMembers(true)); err != nil {
		return &Problem{Code: "bad_cursor", Err: err}
	}
	return nil
}

// each returns what convert makes of the items.
func each[T, R any](items []T, convert func(T) R) []R {
	converted := make([]R, len(items))
	for i, item := range items {
		converted[i] = convert(item)
	}
	return converted
}
