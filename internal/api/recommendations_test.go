package api

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/recommend"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// count writes down what shoppers did so far.
func (s *orderShop) count() {
	s.t.Helper()
	testkit.Must(s.europe.Recommend.WriteOnce(s.t.Context()))(s.t)
}

// recommended reads an answer that is public, unless it is degraded: each item as the product's title and the reason.
func recommended(t *testing.T, w *httptest.ResponseRecorder) (items []string, degraded recommend.Degraded) {
	t.Helper()
	var answer recommendationsResponse
	readAnswer(t, w, &answer)
	public := strings.HasPrefix(w.Header().Get("Cache-Control"), "public")
	if w.Header().Get("Age") == "" || public != (answer.Degraded == "") {
		t.Errorf("headers %v of an answer that is degraded %q", w.Header(), answer.Degraded)
	}
	return reasons(answer.Items), answer.Degraded
}

func readAnswer(t *testing.T, w *httptest.ResponseRecorder, into any) {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("answered %d\n%s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("%v\n%s", err, w.Body)
	}
}

func reasons(items []recommendedResponse) []string {
	texts := []string{}
	for _, item := range items {
		texts = append(texts, item.Product.Title+": "+string(item.Reason))
	}
	return texts
}

// TestRecommendations lets shoppers look and buy, and reads what follows.
func TestRecommendations(t *testing.T) {
	s := newOrderShop(t)
	path := "/v1/products/" + s.productOf("MUG") + "/recommendations"
	guest := s.guest("")
	s.place("card_success", `{"sku":"MUG","quantity":3},{"sku":"BOOK","quantity":1}`)
	guest.get("/v1/products/" + s.productOf("POSTER"))
	s.count()
	items, _ := recommended(t, guest.get(path+"?country=IE"))
	if diff := cmp.Diff([]string{"BOOK: bought_together", "POSTER: popular_in_category"}, items); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if items, _ = recommended(t, guest.get(path+"?limit=1")); len(items) != 1 {
		t.Errorf("%d items, want 1", len(items))
	}
	var answer recommendationsResponse
	w := guest.get(path + "?country=IE")
	readAnswer(t, w, &answer)
	if price := answer.Items[0].Product.SKUs[0].Price; price == nil || price.AmountMinor != 2000 || price.Currency != "EUR" {
		t.Errorf("the book costs %+v", price)
	}
	if again := ask(s.api["eu-west"], "GET", path+"?country=IE", "", "If-None-Match",
		w.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("the same again is answered %d", again.Code)
	}
}

func TestRecommendations_Refused(t *testing.T) {
	s := newOrderShop(t)
	guest, path := s.guest(""), "/v1/products/"+s.productOf("MUG")+"/recommendations"
	wantProblem(t, guest.get("/v1/products/prd_aaaaaaaaaaaaaaaaaaaaaaaaaa/recommendations"), 404, "not_found")
	wantProblem(t, guest.get("/v1/products/mug/recommendations"), 404, "not_found")
	wantProblem(t, guest.get(path+"?limit=25"), 400, "bad_request")
	wantProblem(t, guest.get(path+"?market=nowhere"), 400, "market_unknown")
	wantProblem(t, guest.get("/v1/home?limit=0"), 400, "bad_request")
	wantProblem(t, s.as("forged").get("/v1/home"), 401, "invalid_token")
	wantProblem(t, guest.get("/v1/products/"+s.productOf("MUG")+"?from=home"), 400, "bad_request")
}

// TestEvents holds what is counted of a visit to the weights: the poster is viewed once, which is 1.
func TestEvents(t *testing.T) {
	s := newOrderShop(t)
	guest, mug := s.guest(""), "/v1/products/"+s.productOf("MUG")
	guest.get("/v1/products/" + s.productOf("POSTER"))
	guest.get(mug)                 // 1
	guest.get(mug)                 // 1
	guest.get(mug + "-")           // no product
	guest.get(mug + "?country=DE") // 1
	guest.get(mug + "?limit=1")    // no such parameter
	guest.get(mug + "?from=search")
	ask(s.api["eu-west"], "HEAD", mug, "")
	made, holder := guest.fill(oneMug) // 5
	cart := "/v1/carts/" + made.ID
	holder.post(cart+"/lines", oneMug)                                                                                     // 5
	holder.post(cart+"/lines", `{"sku":"MUG","quantity":0}`)                                                               // refused
	ask(s.api["eu-west"], "PUT", cart+"/lines/MUG", `{"quantity":2}`, append(holder.headers, "Idempotency-Key", "set")...) // no wish more
	key := []string{"Idempotency-Key", "a-key-for-both-of-these"}
	for range 2 { // placed once: 20
		wantPlaced(t, holder.post("/v1/orders", checkoutBody(made.ID, "card_success"), key...))
	}
	s.count()
	times := databasetest.One[float64](t, s.db, `
SELECT (SELECT score FROM product_popularity WHERE product_id = (SELECT product_id FROM skus WHERE sku = 'MUG'))
  * power((SELECT score FROM product_popularity WHERE product_id = (SELECT product_id FROM skus WHERE sku = 'POSTER')), -1)`)
	if want := 3*1 + 2 + 2*5 + 20.0; math.Abs(times-want) > 1e-6 {
		t.Errorf("the mug counts %g times the poster's one view, want %g", times, want)
	}
}

// TestRecommendations_Degraded takes away what recommendations are made of: no answer fails, and all say so.
func TestRecommendations_Degraded(t *testing.T) {
	s := newOrderShop(t)
	guest, path := s.guest(""), "/v1/products/"+s.productOf("MUG")+"/recommendations"
	databasetest.Exec(t, s.db, `ALTER TABLE product_popularity RENAME TO lost`)
	for range 8 { // until the circuit is open, and then
		items, degraded := recommended(t, guest.get(path))
		if len(items) != 2 || degraded != recommend.BestSellers {
			t.Fatalf("%v, degraded %q", items, degraded)
		}
	}
	var home homeResponse
	readAnswer(t, guest.get("/v1/home"), &home)
	if len(home.Sections) != 1 || len(home.Sections[0].Items) != 3 || home.Degraded != recommend.BestSellers {
		t.Errorf("home is %+v", home)
	}
	databasetest.Exec(t, s.db, `ALTER TABLE category_products RENAME TO lost_as_well`)
	if items, degraded := recommended(t, guest.get(path)); len(items) != 0 || degraded != recommend.None {
		t.Errorf("%v, degraded %q", items, degraded)
	}
	readAnswer(t, s.as("ada").get("/v1/home"), &home)
	if len(home.Sections) != 0 || home.Degraded != recommend.None {
		t.Errorf("home is %+v", home)
	}
}

// TestHome shows a customer, at home and far away, what goes with their orders.
func TestHome(t *testing.T) {
	s := newOrderShop(t)
	ada := s.as("ada")
	filled, _ := ada.fill(oneMug)
	wantPlaced(t, ada.post("/v1/orders", checkoutBody(filled.ID, "card_success")))
	s.place("card_success", `{"sku":"MUG","quantity":1},{"sku":"BOOK","quantity":1}`)
	s.count()
	for _, c := range []struct {
		name, region, token string
		want                map[string][]string
	}{
		{"a customer", "eu-west", "ada", map[string][]string{
			"for_you": {"BOOK: for_you"}, "popular": {"MUG: popular_here", "POSTER: new_here"}}},
		{"far away, where nothing was bought together", "us-east", "ada", map[string][]string{
			"popular": {"BOOK: new_here", "MUG: new_here", "POSTER: new_here"}}},
		{"another, without orders", "eu-west", "ben", map[string][]string{
			"popular": {"BOOK: popular_here", "MUG: popular_here", "POSTER: new_here"}}},
		{"a guest", "eu-west", "", map[string][]string{
			"popular": {"BOOK: popular_here", "MUG: popular_here", "POSTER: new_here"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.token != "" {
				headers = s.as(c.token).headers
			}
			w := ask(s.api[c.region], "GET", "/v1/home", "", headers...)
			var answer homeResponse
			readAnswer(t, w, &answer)
			got := make(map[string][]string)
			for _, section := range answer.Sections {
				got[section.Name] = slices.Sorted(slices.Values(reasons(section.Items))) // what is new is so in no certain order
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if kept := w.Header().Get("Cache-Control"); (kept == "no-store") != (c.token != "") {
				t.Errorf("Cache-Control %q", kept)
			}
		})
	}
}
