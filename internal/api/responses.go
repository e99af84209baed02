package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// addResponses gives every operation of the document the problems that follow from what it takes and whom it asks for, so
// that the files list only those of its own, such as 409. Every status that an operation answers is then named: there is
// no default.
func addResponses(document yaml.MapSlice) error {
	limited := make(map[string]bool)
	for _, o := range operations() {
		limited[o.method+" "+o.path] = o.class != rateUnlimited
	}
	for _, path := range object(document, "paths") {
		methods, _ := path.Value.(yaml.MapSlice)
		for i, method := range methods {
			operation, ok := method.Value.(yaml.MapSlice)
			if !ok {
				return fmt.Errorf("%v %v: is no operation", path.Key, method.Key)
			}
			name := strings.ToUpper(fmt.Sprint(method.Key)) + " " + fmt.Sprint(path.Key)
			methods[i].Value = withResponses(operation, problemsOf(fmt.Sprint(path.Key), operation, limited[name]))
		}
	}
	return nil
}

// rolePaths are where an operation needs a role.
var rolePaths = []string{"/v1/operator/", "/v1/finance/", "/v1/admin/", "/v1/seller/"}

// problemsOf returns the statuses of problems that follow from an operation's description.
func problemsOf(path string, operation yaml.MapSlice, limited bool) []int {
	statuses := []int{
		http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestHeaderFieldsTooLarge, http.StatusInternalServerError,
		http.StatusServiceUnavailable,
	}
	add := func(when bool, more ...int) {
		if when {
			statuses = append(statuses, more...)
		}
	}
	text := fmt.Sprint(value(operation, "parameters"))
	add(limited, http.StatusTooManyRequests)
	add(value(operation, "requestBody") != nil, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	add(strings.Contains(fmt.Sprint(value(operation, "security")), "bearer"), http.StatusUnauthorized)
	add(slices.ContainsFunc(rolePaths, func(p string) bool { return strings.HasPrefix(path, p) }), http.StatusForbidden)
	add(strings.Contains(path, "{"), http.StatusNotFound)
	add(strings.Contains(text, "parameters/IfMatch"), http.StatusPreconditionFailed, http.StatusPreconditionRequired)
	add(strings.Contains(text, "IdempotencyKey"), http.StatusUnprocessableEntity)
	return statuses
}

// withResponses returns an operation that answers problems of these statuses beside what it says itself, in their order.
func withResponses(operation yaml.MapSlice, statuses []int) yaml.MapSlice {
	for i, item := range operation {
		responses, ok := item.Value.(yaml.MapSlice)
		if item.Key != "responses" || !ok {
			continue
		}
		responses = slices.Clone(responses)
		for _, status := range statuses {
			if value(responses, strconv.Itoa(status)) == nil {
				problem := yaml.MapSlice{{Key: "$ref", Value: "#/components/responses/Problem"}}
				responses = append(responses, yaml.MapItem{Key: strconv.Itoa(status), Value: problem})
			}
		}
		slices.SortStableFunc(responses, func(a, b yaml.MapItem) int { return strings.Compare(fmt.Sprint(a.Key), fmt.Sprint(b.Key)) })
		operation[i].Value = responses
	}
	return operation
}
