package meilisearch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// meaning is what an error of Meilisearch's says about what was asked.
type meaning int

const (
	// ours is a request that nothing but a mistake in this program makes.
	ours meaning = iota
	// away is a server, or an index of it, that cannot be asked now.
	away
	// refused is a document that it will never take.
	refused
)

// meanings are the codes that do not mean what their status does, both of answers and of tasks that failed.
var meanings = map[string]meaning{
	"index_not_found":             away, // deleted: the indexer makes it again
	"index_not_accessible":        away,
	"task_not_found":              away, // the server lost its history, and what else we do not know
	"no_space_left_on_device":     away,
	"io_error":                    away,
	"too_many_open_files":         away,
	"too_many_search_requests":    away,
	"database_size_limit_reached": away,
	"internal":                    away,
	"unspecified":                 away,
	"feature_not_enabled":         away,
	"requires_enterprise_edition": away,

	// An index without our settings: somebody made it again, and the indexer has not come by yet.
	"invalid_search_filter":   away,
	"invalid_search_sort":     away,
	"invalid_search_facets":   away,
	"invalid_document_filter": away,
	"invalid_document_sort":   away,

	"invalid_document_id":           refused,
	"missing_document_id":           refused,
	"invalid_document_geo_field":    refused,
	"invalid_document_fields":       refused,
	"max_fields_limit_exceeded":     refused,
	"malformed_payload":             refused,
	"payload_too_large":             refused,
	"document_fields_limit_reached": refused,
	"vector_embedding_error":        refused,
	"unretrievable_document":        refused,
}

// meaningOf reads a code, or a status where the code says nothing new. A key that is wrong or may too little is no fault
// of the request: it works once the key is right.
func meaningOf(status int, code string) meaning {
	if m, known := meanings[code]; known {
		return m
	}
	switch {
	case status >= http.StatusInternalServerError, status == 0, status == http.StatusUnauthorized, status == http.StatusForbidden,
		status == http.StatusNotFound, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return away
	case status == http.StatusRequestEntityTooLarge: // also said by proxies
		return refused
	}
	return ours
}

// explain makes an error of the client's one of package search. The client's own would print what was answered, and its
// messages may quote what a shopper typed: status and code go on, nothing else.
func explain(ctx context.Context, what string, err error) error {
	said, ok := errors.AsType[*meili.Error](err)
	switch {
	case errors.Is(err, search.ErrUnavailable):
		return fmt.Errorf("%s: %w", what, err)
	case ctx.Err() != nil:
		return ended(what, ctx.Err())
	case !ok:
		return fmt.Errorf("%s: %w: %w", what, search.ErrUnavailable, plain(err))
	}
	switch said.ErrCode {
	case meili.MeilisearchTimeoutError, meili.MeilisearchCommunicationError:
		return fmt.Errorf("%s: %w: %w", what, search.ErrUnavailable, plain(said.OriginError))
	case meili.MeilisearchApiError, meili.MeilisearchApiErrorWithoutMessage:
		return answered(what, said.StatusCode, said.MeilisearchApiError.Code)
	case meili.ErrCodeResponseUnmarshalBody:
		return fmt.Errorf("%s: %w: its answer cannot be read", what, search.ErrUnavailable)
	}
	return fmt.Errorf("%s: %w", what, said)
}

// ended is the error of a caller whose time is over, or who left.
func ended(what string, cause error) error {
	if errors.Is(cause, context.Canceled) {
		return fmt.Errorf("%s: %w", what, cause)
	}
	return fmt.Errorf("%s: %w: %w", what, search.ErrUnavailable, cause)
}

// answered is the error of an answer that is not the one asked for.
func answered(what string, status int, code string) error {
	reply := &replyError{Status: status, Code: code}
	switch meaningOf(status, code) {
	case away:
		return fmt.Errorf("%s: %w: %w", what, search.ErrUnavailable, reply)
	case refused:
		return &search.RejectedError{Reason: reply.Error()}
	}
	return fmt.Errorf("%s: %w", what, reply)
}

// replyError is what Meilisearch answered, or what its task ended with (then there is no status).
type replyError struct {
	Status int
	Code   string
}

func (e *replyError) Error() string {
	if e.Status == 0 {
		return "the task failed with " + e.Code
	}
	return fmt.Sprintf("it answered %d %s", e.Status, e.Code)
}

// saidCode reports whether the server said this.
func saidCode(err error, code string) bool {
	reply, ok := errors.AsType[*replyError](err)
	return ok && reply.Code == code
}

// plain drops the address from an error of the network: it is known, and may hold a name that is not for logs.
func plain(err error) error {
	if network, ok := errors.AsType[*url.Error](err); ok {
		return network.Err
	}
	return err
}
