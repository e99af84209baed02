package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// productOf is the public id of the product that has a SKU.
func (s *orderShop) productOf(sku string) string {
	s.t.Helper()
	return regions.FormatGlobalID(regions.ProductPrefix, databasetest.One[uuid.UUID](s.t, s.db, `SELECT product_id FROM skus WHERE sku = $1`,
		sku))
}

// rate gives a product stars.
func (b buyer) rate(product string, stars int) *httptest.ResponseRecorder {
	return ask(b.shop.api["eu-west"], "PUT", "/v1/products/"+product+"/rating", fmt.Sprintf(`{"stars":%d}`, stars), b.headers...)
}

func (b buyer) unrate(product string) *httptest.ResponseRecorder {
	return ask(b.shop.api["eu-west"], "DELETE", "/v1/products/"+product+"/rating", "", b.headers...)
}

func TestRating(t *testing.T) {
	s := newOrderShop(t)
	mug, path := s.productOf("MUG"), "/v1/products/"+s.productOf("MUG")+"/rating"
	ada, ben := s.as("ada"), s.as("ben")
	for _, customer := range []buyer{ada, ben} {
		filled, _ := customer.fill(oneMug)
		wantPlaced(t, customer.post("/v1/orders", checkoutBody(filled.ID, "card_success")))
		wantProblem(t, customer.rate(mug, 5), 403, "not_bought") // it is not paid yet
	}
	s.settle()
	wantProblem(t, ada.get(path), 404, "not_found")
	want := func(w *httptest.ResponseRecorder, want ratingResponse) {
		t.Helper()
		if diff := cmp.Diff(want, wantJSON[ratingResponse](t, w, http.StatusOK)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	want(ada.rate(mug, 5), ratingResponse{5, ratingSummary{5, 1}})
	want(ben.rate(mug, 2), ratingResponse{2, ratingSummary{3.5, 2}})
	want(ada.rate(mug, 3), ratingResponse{3, ratingSummary{2.5, 2}})
	want(ada.get(path), ratingResponse{3, ratingSummary{2.5, 2}})
	var product productResponse
	readAnswer(t, s.guest("").get("/v1/products/"+mug), &product)
	if product.Rating == nil || *product.Rating != (ratingSummary{2.5, 2}) {
		t.Errorf("the product is shown with %+v", product.Rating)
	}
	for range 2 {
		if w := ada.unrate(mug); w.Code != http.StatusNoContent {
			t.Errorf("answered %d", w.Code)
		}
	}
	wantProblem(t, ada.get(path), 404, "not_found")
	want(ben.get(path), ratingResponse{2, ratingSummary{2, 1}})
}

func TestRating_Refused(t *testing.T) {
	s := newOrderShop(t)
	path := "/v1/products/" + s.productOf("MUG") + "/rating"
	for _, c := range []struct {
		name, token, path, body string
		status                  int
		code                    string
	}{
		{"a guest", "", path, `{"stars":3}`, 401, "unauthenticated"},
		{"forged", "forged", path, `{"stars":3}`, 401, "invalid_token"},
		{"not bought", "ada", path, `{"stars":3}`, 403, "not_bought"},
		{"no such product", "ada", "/v1/products/prd_aaaaaaaaaaaaaaaaaaaaaaaaaa/rating", `{"stars":3}`, 404, "not_found"},
		{"no id", "ada", "/v1/products/mug/rating", `{"stars":3}`, 404, "not_found"},
		{"no stars", "ada", path, `{"stars":0}`, 400, "bad_request"},
		{"too many", "ada", path, `{"stars":6}`, 400, "bad_request"},
		{"half a star", "ada", path, `{"stars":4.5}`, 400, "bad_request"},
		{"an account that is not there", "shopper", path, `{"stars":3}`, 422, "account_closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.token != "" {
				headers = s.as(c.token).headers
			}
			wantProblem(t, ask(s.api["eu-west"], "PUT", c.path, c.body, headers...), c.status, c.code)
		})
	}
	if n := databasetest.One[int64](t, s.db, `SELECT (SELECT count(*) FROM ratings) + (SELECT count(*) FROM product_ratings)`); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}
