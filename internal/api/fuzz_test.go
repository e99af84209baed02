package api

import (
	"net/http"
	"testing"

	"meridian/internal/api/apitest"
)

// driver asks every operation of the document as a guest, as two shoppers and as someone with a forged token. What it
// asks for by id belongs to the first shopper's world or to nobody.
func driver(t testing.TB) apitest.Driver {
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	return apitest.Driver{
		Contract: contract(t),
		Handler:  newTestServer(t).Handler(),
		Callers: []apitest.Caller{
			{Name: "shopper", Header: bearer("shopper")},
			{Name: "another region's shopper", Header: bearer("other")},
			{Name: "seller", Header: bearer("seller")},
			{Name: "forger", Header: bearer("forged")},
		},
	}
}

func TestHostileInput(t *testing.T) { driver(t).Run(t) }

func FuzzOperations(f *testing.F) { driver(f).Fuzz(f) }
