package api

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

// The size of a page where the caller does not say, and at most.
const (
	defaultPageSize = 20
	maxPageSize     = 100
)

// A page says which part of a listing was asked for.
type page struct {
	// Limit is how many items to answer at most, 1 to 100.
	Limit int
	// Continued is true when there was a cursor, and after has been filled from it.
	Continued bool
}

// readPage reads the query's limit and cursor. The cursor's position is read into the struct that after points to,
// which stays as it is on the first page. listing names the listing (with whatever a cursor may not be carried over
// to, such as the sort order): a cursor of another one is refused, as is one that we did not make.
func (s *Server) readPage(r *http.Request, listing string, after any) (page, error) {
	q := newQuery(r)
	p := page{Limit: q.Int("limit", defaultPageSize, 1, maxPageSize)}
	cursor := q.Text("cursor", maxCursorBytes)
	if err := q.Err(); err != nil {
		return page{}, err
	}
	if cursor == "" {
		return p, nil
	}
	p.Continued = true
	return p, s.openCursor(cursor, listing, after)
}

const (
	maxCursorBytes  = 1024
	cursorTagBytes  = 16
	cursorSeparator = "."
)

// nextCursor writes the position of a page's last item as the cursor of the page after it. It is signed, not secret.
func (s *Server) nextCursor(listing string, last any) string {
	position := base64.RawURLEncoding.EncodeToString(marshal(last))
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
