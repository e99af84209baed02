package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"meridian/internal/testkit/apitest"
)

// Whom an operation lets in.
const (
	// everyone, whatever token they send.
	everyone = "everyone"
	// anybody, also without a token, but not with a bad one.
	anybody = "anybody"
	// customers are all who are signed in.
	customers = "customers"
	operators = "operators"
	admins    = "admins"
	sellers   = "sellers"
	// financiers are those with the role finance.
	financiers = "finance"
	// owners of the cart, order, address, product or import in the path; for all others it is not there.
	cartOwner    = "the cart's owner"
	orderReader  = "the order's owner, and operators"
	orderOwner   = "the order's owner"
	addressOwner = "the address's owner"
	ownSeller    = "the seller whose it is"
	// tokenHolder is signed in and holds the token of a guest's cart, which none of the callers does.
	tokenHolder = "whoever holds the guest's token"
)

// accessByPath is whom operations let in by the beginning of their path, unless accessTo says otherwise.
var accessByPath = map[string]string{
	"/v1/account/":  customers,
	"/v1/admin/":    admins,
	"/v1/finance/":  financiers,
	"/v1/operator/": operators,
	"/v1/seller/":   sellers,
}

// accessTo is whom each other operation lets in.
var accessTo = map[string][]string{
	everyone: {
		"getHealth", "getReadiness", "getMetrics", "getDocument", "getDocs", "listRegions", "getKeys", "signIn",
		"refreshSession", "listProducts", "searchProducts", "getRecommendations", "suggestProducts", "getProduct", "listCategories",
		"getCategory", "receiveWebhook",
	},
	anybody: {"registerAccount", "createCart", "placeOrder", "getAvailability", "getPrice", "quotePrices", "getHome"},
	customers: {
		"signOut", "signOutEverywhere", "getAccount", "updateAccount", "closeAccount", "listOrders", "getRating", "putRating", "deleteRating",
	},
	cartOwner:    {"getCart", "changeCart", "addCartLine", "setCartLine", "removeCartLine"},
	orderReader:  {"getOrder", "getInvoice"},
	orderOwner:   {"cancelOrder"},
	addressOwner: {"getAddress", "replaceAddress", "deleteAddress"},
	ownSeller:    {"getSellerProduct", "replaceProduct", "archiveProduct", "getImport", "listImportErrors"},
	tokenHolder:  {"mergeCart"},
}

// keptOut is the status that keeps a caller (a token, "" for a guest) out of what is for others; 0 lets them in.
func keptOut(group, token string) (status int) {
	is := func(tokens ...string) bool { return slices.Contains(tokens, token) }
	signedIn := !is("", "forged")
	switch {
	case group == everyone,
		group == anybody && !is("forged"),
		group == customers && signedIn,
		group == operators && is("operator", "admin"),
		group == admins && is("admin"),
		group == financiers && is("finance", "admin"),
		group == sellers && is("acme", "rival"),
		group == ownSeller && is("acme"),
		group == orderReader && is("ada", "operator", "admin"),
		(group == cartOwner || group == orderOwner || group == addressOwner) && is("ada"):
		return 0
	case is("forged"):
		return http.StatusUnauthorized
	case group == cartOwner, group == orderReader, group == orderOwner && !is("operator", "admin"):
		return http.StatusNotFound
	case !signedIn:
		return http.StatusUnauthorized
	case group == addressOwner, group == tokenHolder, group == ownSeller && is("rival"):
		return http.StatusNotFound
	}
	return http.StatusForbidden
}

// allTokens are callers of every kind, those who own nothing first.
var allTokens = []string{"", "forged", "ben", "rival", "finance", "operator", "admin", "acme", "ada"}

// groupOf returns whom an operation lets in, "" where nobody has said.
func groupOf(operation apitest.Operation) string {
	for group, operations := range accessTo {
		if slices.Contains(operations, operation.OperationID) {
			return group
		}
	}
	for path, group := range accessByPath {
		if strings.HasPrefix(operation.Path, path) {
			return group
		}
	}
	return ""
}

// TestAccess asks for every operation as every kind of caller: first as those whom it is not for, who are told so and
// change nothing, then as the others, who get past the door.
func TestAccess(t *testing.T) {
	w := newHostileWorld(t)
	before := takeSnapshot(t, w.shop.db)
	for _, operations := range accessTo {
		for _, id := range operations {
			if !slices.ContainsFunc(w.driver.Contract.Operations, func(o apitest.Operation) bool { return o.OperationID == id }) {
				t.Errorf("%s is in accessTo, and not in the document", id)
			}
		}
	}
	for _, in := range []bool{false, true} {
		for _, operation := range w.driver.Contract.Operations {
			t.Run(fmt.Sprintf("%s, let in %t", operation.OperationID, in), func(t *testing.T) {
				group := groupOf(operation)
				if group == "" {
					t.Fatal("say in accessTo or accessByPath whom it lets in")
				}
				for _, token := range allTokens {
					if want := keptOut(group, token); (want == 0) == in {
						w.wantStatus(t, operation, token, want)
					}
				}
				if in {
					return
				}
				for _, change := range before.changes(takeSnapshot(t, w.shop.db), nil, w.owners) {
					t.Errorf("somebody who was kept out did this: %.500s", change)
				}
			})
		}
	}
}

// wantStatus asks as that caller and fails the test unless they are kept out with that status, or, where it is 0, are
// let in.
func (w *hostileWorld) wantStatus(t *testing.T, operation apitest.Operation, token string, want int) {
	t.Helper()
	caller := apitest.Caller{Name: token}
	if token != "" {
		caller.Header = http.Header{"Authorization": {"Bearer " + token}}
	}
	answer := w.driver.Ask(t, operation, caller)
	var problem answeredProblem
	_ = json.Unmarshal(answer.Body.Bytes(), &problem) // what is no problem has no code
	refused := slices.Contains([]string{"unauthenticated", "invalid_token", "forbidden"}, problem.Code)
	if want != answer.Code && (want != 0 || refused) {
		t.Errorf("%s as %q: answered %d %q, want %d", operation.OperationID, token, answer.Code, problem.Code, want)
	}
}
