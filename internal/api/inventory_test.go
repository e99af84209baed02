package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/inventory"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
	"meridian/regions"
)

// stockRoom is a server on a database that sells the SKUs MUG and BOOK.
type stockRoom struct{ http.Handler }

func newStockRoom(t *testing.T) stockRoom {
	t.Helper()
	db := databasetest.New(t)
	s := newTestServer(t, func(d *Deps, _ *Config) {
		d.Inventory = inventory.New(inventory.Config{DB: db, Regions: d.Regions})
	})
	testkit.NoError(t, inventory.SyncWarehouses(t.Context(), db, s.Regions))
	seed.Products(t, db, seed.Product{Slug: "p", SKUs: []seed.SKU{{Code: "MUG"}, {Code: "BOOK"}}})
	return stockRoom{validated(t, s.Handler())}
}

// operator asks as an operator, with a new idempotency key unless headers bring one.
func (s stockRoom) operator(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	if len(headers) == 0 {
		headers = []string{"Idempotency-Key", uuid.NewString()}
	}
	return ask(s, method, target, body, append(headers, "Authorization", "Bearer admin")...)
}

// wantAnswer decodes an answer that must have the status 200.
func wantAnswer[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var answer T
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		t.Fatalf("answered %d: %v\n%s", w.Code, err, w.Body)
	}
	return answer
}

func TestStock(t *testing.T) {
	s := newStockRoom(t)
	received := s.operator("POST", "/v1/operator/stock:receive",
		`{"sku":"MUG","warehouse":"use-1","quantity":20,"reason":"delivery","reference":"PO-1"}`)
	want := levelResponse{Region: "us-east", Warehouse: "use-1", SKU: "MUG", OnHand: 20, Available: 20}
	if diff := cmp.Diff(want, wantAnswer[levelResponse](t, received)); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
	adjusted := s.operator("POST", "/v1/operator/stock:adjust", `{"sku":"MUG","warehouse":"use-1","delta":-2,"reason":"broken"}`)
	if got := wantAnswer[levelResponse](t, adjusted); got.OnHand != 18 {
		t.Errorf("adjusted to %d", got.OnHand)
	}
	moved := s.operator("POST", "/v1/operator/stock:transfer",
		`{"sku":"MUG","from_warehouse":"use-1","to_warehouse":"euw-1","quantity":3,"reason":"balance"}`)
	if got := wantAnswer[transferResponse](t, moved); got.From.OnHand != 15 || got.To.OnHand != 3 || got.To.Region != "eu-west" {
		t.Errorf("transferred %+v", got)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{"receive": received, "adjust": adjusted, "transfer": moved} {
		if trips := w.Header().Get("X-Meridian-Round-Trips"); trips != "1" {
			t.Errorf("%s took %s round trips", name, trips)
		}
	}
	pointed := s.operator("PUT", "/v1/operator/stock/euw-1/MUG/reorder-point", `{"reorder_point":10}`)
	if got := wantAnswer[levelResponse](t, pointed); got.ReorderPoint != 10 {
		t.Errorf("reorder point %+v", got)
	}
	ledger := wantAnswer[movementsResponse](t, s.operator("GET", "/v1/operator/stock/use-1/MUG/movements", ""))
	var kinds []string
	for _, m := range ledger.Movements {
		kinds = append(kinds, m.Kind)
	}
	if diff := cmp.Diff("transfer_out adjust receive", strings.Join(kinds, " ")); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
	first := ledger.Movements[2]
	if first.OnHandDelta != 20 || first.Reason != "delivery" || first.Reference != "PO-1" || !strings.HasPrefix(first.Actor, "usr_euw_") {
		t.Errorf("first movement %+v", first)
	}
	houses := wantAnswer[warehousesResponse](t, s.operator("GET", "/v1/operator/warehouses", ""))
	if len(houses.Warehouses) == 0 || houses.Warehouses[0].Code != "aps-1" {
		t.Errorf("warehouses %+v", houses)
	}
}

func TestAvailability(t *testing.T) {
	s := newStockRoom(t)
	for _, body := range []string{
		`{"sku":"MUG","warehouse":"use-1","quantity":12,"reason":"x"}`, `{"sku":"MUG","warehouse":"use-2","quantity":8,"reason":"x"}`,
		`{"sku":"MUG","warehouse":"euw-1","quantity":5,"reason":"x"}`, `{"sku":"MUG","warehouse":"usw-1","quantity":6,"reason":"x"}`,
	} {
		wantAnswer[levelResponse](t, s.operator("POST", "/v1/operator/stock:receive", body))
	}
	told := func(w *httptest.ResponseRecorder) []regionAvailabilityResponse {
		return wantAnswer[availabilityResponse](t, w).Regions
	}
	want := []regionAvailabilityResponse{
		{"ap-southeast", "out", 0}, {"eu-west", "low", 5}, {"us-east", "in_stock", 10}, {"us-west", "in_stock", 6},
	}
	for _, headers := range [][]string{nil, {"Authorization", "Bearer shopper"}} {
		if diff := cmp.Diff(want, told(ask(s, "GET", "/v1/skus/MUG/availability", "", headers...))); diff != "" {
			t.Errorf("a shopper is told (-want +got):\n%s", diff)
		}
	}
	want[2].Units = 20
	if diff := cmp.Diff(want, told(s.operator("GET", "/v1/skus/MUG/availability", ""))); diff != "" {
		t.Errorf("an operator is told (-want +got):\n%s", diff)
	}
	wantProblem(t, ask(s, "GET", "/v1/skus/NONE/availability", ""), 404, "not_found")
	wantProblem(t, ask(s, "GET", "/v1/skus/MUG/availability", "", "Authorization", "Bearer forged"), 401, "invalid_token")
}

func TestListStock_Pages(t *testing.T) {
	s := newStockRoom(t)
	for _, at := range []string{`"sku":"MUG","warehouse":"use-1"`, `"sku":"BOOK","warehouse":"use-1"`, `"sku":"MUG","warehouse":"euw-1"`} {
		wantAnswer[levelResponse](t, s.operator("POST", "/v1/operator/stock:receive", `{`+at+`,"quantity":4,"reason":"x"}`))
	}
	var got []string
	for target := "/v1/operator/stock?sku=MUG&limit=1"; target != ""; {
		page := wantAnswer[levelsResponse](t, s.operator("GET", target, ""))
		for _, level := range page.Stock {
			got = append(got, level.Warehouse)
		}
		target = ""
		if page.NextCursor != "" {
			target = "/v1/operator/stock?sku=MUG&limit=1&cursor=" + page.NextCursor
			wantProblem(t, s.operator("GET", "/v1/operator/stock?sku=BOOK&limit=1&cursor="+page.NextCursor, ""), 400, "bad_cursor")
		}
	}
	if diff := cmp.Diff([]string{"euw-1", "use-1"}, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	page := wantAnswer[levelsResponse](t, s.operator("GET", "/v1/operator/stock?warehouse=use-1", ""))
	if len(page.Stock) != 2 || page.Stock[0].SKU != "BOOK" || page.NextCursor != "" {
		t.Errorf("use-1 has %+v", page)
	}
	if diff := cmp.Diff([]string{"us-east"}, page.Regions); diff != "" {
		t.Errorf("its regions (-want +got):\n%s", diff)
	}
	all := testkit.Must(regions.Shipped())(t).Names()
	for query, want := range map[string]struct {
		rows    int
		regions []string
	}{
		"": {3, all}, "?sku=MUG": {2, all}, "?region=us-east": {2, []string{"us-east"}},
		"?region=eu-west&sku=BOOK": {0, []string{"eu-west"}}, "?region=us-east&warehouse=use-1": {2, []string{"us-east"}},
	} {
		page := wantAnswer[levelsResponse](t, s.operator("GET", "/v1/operator/stock"+query, ""))
		if diff := cmp.Diff(want.regions, page.Regions); diff != "" || len(page.Stock) != want.rows {
			t.Errorf("%s: %d rows, want %d, of (-want +got):\n%s", query, len(page.Stock), want.rows, diff)
		}
	}
	p := wantProblem(t, s.operator("GET", "/v1/operator/stock?region=eu-west&warehouse=use-1", ""), 400, "bad_request")
	if p.Errors[0].Field != "region" {
		t.Errorf("a warehouse elsewhere: %+v", p.Errors)
	}
}

func TestListMovements_Pages(t *testing.T) {
	s := newStockRoom(t)
	for _, quantity := range []string{"1", "2", "3"} {
		wantAnswer[levelResponse](t, s.operator("POST", "/v1/operator/stock:receive",
			`{"sku":"MUG","warehouse":"use-1","quantity":`+quantity+`,"reason":"x"}`))
	}
	var got []int64
	for target := "/v1/operator/stock/use-1/MUG/movements?limit=2"; target != ""; {
		page := wantAnswer[movementsResponse](t, s.operator("GET", target, ""))
		for _, m := range page.Movements {
			got = append(got, m.OnHandDelta)
		}
		target = ""
		if page.NextCursor != "" {
			target = "/v1/operator/stock/use-1/MUG/movements?limit=2&cursor=" + page.NextCursor
		}
	}
	if diff := cmp.Diff([]int64{3, 2, 1}, got); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
}

func TestStock_Repeated(t *testing.T) {
	s := newStockRoom(t)
	for _, call := range []struct{ path, body, other string }{
		{"receive", `{"sku":"MUG","warehouse":"use-1","quantity":5,"reason":"x"}`, `{"sku":"MUG","warehouse":"use-1","quantity":6,"reason":"x"}`},
		{"adjust", `{"sku":"MUG","warehouse":"use-1","delta":-1,"reason":"x"}`, `{"sku":"BOOK","warehouse":"use-1","delta":-1,"reason":"x"}`},
		{"transfer", `{"sku":"MUG","from_warehouse":"use-1","to_warehouse":"euw-1","quantity":1,"reason":"x"}`,
			`{"sku":"MUG","from_warehouse":"use-1","to_warehouse":"euw-1","quantity":2,"reason":"x"}`},
	} {
		t.Run(call.path, func(t *testing.T) {
			target, key := "/v1/operator/stock:"+call.path, []string{"Idempotency-Key", uuid.NewString()}
			first := s.operator("POST", target, call.body, key...)
			again := s.operator("POST", target, call.body, key...)
			if first.Code != 200 || again.Code != 200 || again.Header().Get(replayedHeader) != "true" {
				t.Errorf("answered %d, then %d, replayed %q", first.Code, again.Code, again.Header().Get(replayedHeader))
			}
			if diff := cmp.Diff(first.Body.String(), again.Body.String()); diff != "" {
				t.Errorf("the repetition was answered otherwise (-first +again):\n%s", diff)
			}
			wantProblem(t, s.operator("POST", target, call.other, key...), 422, "idempotency_key_reused")
		})
	}
	if got := wantAnswer[levelsResponse](t, s.operator("GET", "/v1/operator/stock?sku=MUG&warehouse=use-1", "")); got.Stock[0].OnHand != 3 {
		t.Errorf("%d units after a delivery of 5, a loss and a transfer of 1", got.Stock[0].OnHand)
	}
}

func TestStock_Refused(t *testing.T) {
	s := newStockRoom(t)
	wantAnswer[levelResponse](t, s.operator("POST", "/v1/operator/stock:receive",
		`{"sku":"MUG","warehouse":"use-1","quantity":5,"reason":"x"}`))
	tests := []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"unknown SKU", "POST", ":receive", `{"sku":"Z","warehouse":"use-1","quantity":5,"reason":"x"}`, 422, "sku_unknown"},
		{"unknown warehouse", "POST", ":receive", `{"sku":"MUG","warehouse":"moon-1","quantity":5,"reason":"x"}`, 422, "warehouse_unknown"},
		{"no row", "POST", ":adjust", `{"sku":"BOOK","warehouse":"use-1","delta":5,"reason":"x"}`, 422, "stock_unknown"},
		{"too few", "POST", ":adjust", `{"sku":"MUG","warehouse":"use-1","delta":-6,"reason":"x"}`, 409, "stock_insufficient"},
		{"too few to move", "POST", ":transfer", `{"sku":"MUG","from_warehouse":"use-1","to_warehouse":"euw-1","quantity":6,"reason":"x"}`, 409,
			"stock_insufficient"},
		{"to itself", "POST", ":transfer",
			`{"sku":"MUG","from_warehouse":"use-1","to_warehouse":"use-1","quantity":1,"reason":"x"}`, 400, "bad_request"},
		{"no reason", "POST", ":receive", `{"sku":"MUG","warehouse":"use-1","quantity":5}`, 400, "bad_request"},
		{"no units", "POST", ":receive", `{"sku":"MUG","warehouse":"use-1","quantity":0,"reason":"x"}`, 400, "bad_request"},
		{"unknown member", "POST", ":receive", `{"sku":"MUG","units":5}`, 400, "bad_request"},
		{"no point", "PUT", "/use-1/MUG/reorder-point", `{}`, 400, "bad_request"},
		{"negative point", "PUT", "/use-1/MUG/reorder-point", `{"reorder_point":-1}`, 400, "bad_request"},
		{"point of no row", "PUT", "/use-1/BOOK/reorder-point", `{"reorder_point":1}`, 404, "not_found"},
		{"ledger of no warehouse", "GET", "/moon-1/MUG/movements", ``, 404, "not_found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantProblem(t, s.operator(test.method, "/v1/operator/stock"+test.path, test.body), test.status, test.code)
		})
	}
	w := s.operator("POST", "/v1/operator/stock:adjust", `{"sku":"MUG","warehouse":"use-1","delta":-6,"reason":"x"}`)
	var told struct {
		SKU, Warehouse string
		Free           int64
	}
	if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || told.Free != 5 || told.SKU != "MUG" || told.Warehouse != "use-1" {
		t.Errorf("told %s", w.Body)
	}
}

// TestStock_OperatorsOnly asks every operators' route as others.
func TestStock_OperatorsOnly(t *testing.T) {
	s := newStockRoom(t)
	for _, call := range [][2]string{
		{"GET", "/v1/operator/warehouses"}, {"GET", "/v1/operator/stock?sku=MUG"},
		{"POST", "/v1/operator/stock:receive"}, {"POST", "/v1/operator/stock:adjust"}, {"POST", "/v1/operator/stock:transfer"},
		{"PUT", "/v1/operator/stock/use-1/MUG/reorder-point"}, {"GET", "/v1/operator/stock/use-1/MUG/movements"},
	} {
		t.Run(call[0]+" "+call[1], func(t *testing.T) {
			body := ""
			if call[0] != "GET" {
				body = `{}`
			}
			wantProblem(t, ask(s, call[0], call[1], body), 401, "unauthenticated")
			for _, who := range []string{"shopper", "seller"} {
				wantProblem(t, ask(s, call[0], call[1], body, "Authorization", "Bearer "+who), 403, "forbidden")
			}
		})
	}
}
