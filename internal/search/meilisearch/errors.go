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

// A meaning classifies an error of Meilisearch.
type meaning int

const (
	// ours is an invalid request: a bug in this program.
	ours meaning = iota
	// away is a server, or an index of it, that is unavailable.
	away
	// refused is a document that will never be accepted.
	refused
)

// meanings classify the error codes, of responses and of failed tasks, whose meaning does not follow from their status.
var meanings = map[string]meaning{
	"index_not_found":             away, // deleted: the indexer makes it again
	"index_not_accessible":        away,
	"task_not_found":              away, // the server lost its history, and perhaps more
	"no_space_left_on_device":     away,
	"io_error":                    away,
	"too_many_open_files":         away,
	"too_many_search_requests":    away,
	"database_size_limit_reached": away,
	"internal":                    away,
	"unspecified":                 away,
	"feature_not_enabled":         away,
	"requires_enterprise_edition": away,

	// An index without our settings: it was recreated, and the indexer has not configured it yet.
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

// meaningOf classifies a code, or a status if the code is unknown. A wrong or too restricted key is not an error of the
// request: it works once the key is corrected.
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

// explain converts an error of the client to one of package search. The client's errors include the response, and
// messages may quote a search text, so that only status and code are passed on.
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
		return fmt.Errorf("%s: %w: its response cannot be read", what, search.ErrUnavailable)
	}
	return fmt.Errorf("%s: %w", what, said)
}

// ended returns the error for a context that has expired or was cancelled.
func ended(what string, cause error) error {
	if errors.Is(cause, context.Canceled) {
		return fmt.Errorf("%s: %w", what, cause)
	}
	return fmt.Errorf("%s: %w: %w", what, search.ErrUnavailable, cause)
}

// answered returns the error for a response that reports one.
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

// A replyError is an error response of Meilisearch, or the error of a failed task, which has no status.
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

// saidCode reports whether err is an error response with this code.
func saidCode(err error, code string) bool {
	reply, ok := errors.AsType[*replyError](err)
	return ok && reply.Code == code
}

// plain removes the address from a network error: it is known, and may contain a name that does not belong in logs.
func plain(err error) error {
	if network, ok := errors.AsType[*url.Error](err); ok {
		return network.Err
	}
	return err
}
