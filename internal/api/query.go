package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"meridian/regions"
)

// A query reads a request's query parameters and gathers what is wrong with them, to be told all at once by Err.
type query struct {
	values url.Values
	fixes  []FieldError
}

func newQuery(r *http.Request) *query { return &query{values: r.URL.Query()} }

// Word returns the parameter like Text, and refuses one that is given without a value.
func (q *query) Word(name string, maxBytes int) string {
	text := q.Text(name, maxBytes)
	if text == "" && slices.Equal(q.values[name], []string{""}) {
		q.fault(name, "must not be empty: leave it out")
	}
	return text
}

// Text returns the parameter of at most maxBytes, "" when it is absent or empty.
func (q *query) Text(name string, maxBytes int) string {
	text := q.values.Get(name)
	if len(q.values[name]) > 1 {
		q.fault(name, "must be given once")
		return ""
	}
	if len(text) > maxBytes {
		q.fault(name, "must be at most "+strconv.Itoa(maxBytes)+" bytes")
		return ""
	}
	return text
}

// Texts returns the values of a parameter that may be given several times, each once.
func (q *query) Texts(name string, most, maxBytes int) []string {
	var texts []string
	for _, text := range q.values[name] {
		switch {
		case len(text) > maxBytes:
			q.fault(name, "must be at most "+strconv.Itoa(maxBytes)+" bytes")
			return nil
		case text != "" && !slices.Contains(texts, text):
			texts = append(texts, text)
		}
	}
	if len(texts) > most {
		q.fault(name, "must be given at most "+strconv.Itoa(most)+" times")
		return nil
	}
	return texts
}

// Int returns the parameter as a whole number from least to most, standard when it is absent.
func (q *query) Int(name string, standard, least, most int) int {
	text := q.Word(name, 20)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		q.fault(name, fmt.Sprintf("must be a whole number from %d to %d", least, most))
		return standard
	}
	return n
}

// OneOf returns the parameter, which must be one of the choices; "" when it is absent.
func (q *query) OneOf(name string, choices ...string) string {
	text := q.Word(name, 100)
	if text != "" && !slices.Contains(choices, text) {
		q.fault(name, "must be one of "+strings.Join(choices, ", "))
		return ""
	}
	return text
}

// Bool returns the parameter, which must be true or false; false when it is absent.
func (q *query) Bool(name string) bool { return q.OneOf(name, "true", "false") == "true" }

// Moment returns the parameter as a moment from 1970 on, as the database keeps it; the zero time when it is absent.
func (q *query) Moment(name string) time.Time {
	text := q.Word(name, 40)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || !isMoment(at) {
		q.fault(name, momentRemedy)
		return time.Time{}
	}
	return at.UTC().Truncate(time.Microsecond)
}

const momentRemedy = "must be a time such as 2026-01-31T12:00:00Z, from 1970 to 9999"

// isMoment reports whether the shop can be asked about a time: the database's times are wider, JSON's are not.
func isMoment(at time.Time) bool {
	return at.Unix() >= 0 && at.UTC().Year() <= 9999
}

func (q *query) fault(name, message string) {
	q.fixes = append(q.fixes, FieldError{Field: name, Message: message})
}

// Err returns the 400 that names every wrong parameter, nil when all are good.
func (q *query) Err() error {
	if len(q.fixes) == 0 {
		return nil
	}
	return BadRequest("The query is not valid.", q.fixes...)
}

// pathRef reads the public id in a path variable. An id that cannot be is 404, as one that is not there.
func (s *Server) pathRef(r *http.Request, variable, prefix string) (regions.Ref, error) {
	ref, err := s.Regions.ParseID(prefix, mux.Vars(r)[variable])
	if err != nil {
		return regions.Ref{}, notFound("There is nothing with this id.")
	}
	return ref, nil
}

// pathGlobalID reads the public id of something without a home region, such as a product. Otherwise it is like pathRef.
func pathGlobalID(r *http.Request, variable, prefix string) (uuid.UUID, error) {
	id, err := regions.ParseGlobalID(prefix, mux.Vars(r)[variable])
	if err != nil {
		return uuid.UUID{}, notFound("There is nothing with this id.")
	}
	return id, nil
}
