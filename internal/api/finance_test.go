package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"meridian/internal/finance"
	"meridian/internal/fx"
	"meridian/internal/testkit"
	"meridian/regions"
)

// finance is who changes prices in the shop, by its clock.
func (s *orderShop) finance() (*finance.Finance, *fx.Rates) {
	prices := s.europe.Carts.Prices
	rates := testkit.Must(fx.New(fx.Config{DB: prices.DB, Now: s.clock.Now}))(s.t)
	return finance.New(finance.Config{DB: prices.DB, Prices: prices, Now: s.clock.Now}), rates
}

// financeShop is an orderShop with two people of finance, whose tokens are "fay" and "gus".
type financeShop struct{ *orderShop }

var financiersOfTests = map[string]regions.Ref{
	"fay": {Region: "eu-west", ID: uuid.MustParse("f0000000-0000-4000-8000-00000000000f")},
	"gus": {Region: "us-east", ID: uuid.MustParse("f0000000-0000-4000-8000-0000000000aa")},
}

func newFinanceShop(t testing.TB) financeShop {
	t.Helper()
	s := financeShop{newOrderShop(t)}
	server := newTestServer(t, func(d *Deps, _ *Config) {
		*d = s.europe.Deps
		d.Finance, d.Rates = s.finance()
		d.VerifyToken = func(ctx context.Context, token string) (Principal, error) {
			if ref, ok := financiersOfTests[token]; ok {
				return Principal{Account: ref, Roles: []string{roleShopper, roleFinance}}, nil
			}
			return s.verifyToken(ctx, token)
		}
	})
	s.api["eu-west"] = validated(t, server.Handler())
	return s
}

// actor is the public id of somebody of finance.
func (s financeShop) actor(token string) string {
	return s.regions.FormatID(regions.AccountPrefix, financiersOfTests[token])
}

// call asks as somebody, with a new idempotency key unless the headers bring one.
func (s financeShop) call(token, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Idempotency-Key", uuid.NewString())
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.api["eu-west"].ServeHTTP(w, r)
	return w
}

// in is the shop's time after a while, as JSON and queries have it.
func (s financeShop) in(d time.Duration) string {
	return s.clock.Now().Add(d).UTC().Format(time.RFC3339Nano)
}

// makeList makes the list regular-eu.
func (s financeShop) makeList() {
	s.t.Helper()
	body := `{"code":"regular-eu","title":"Regular","kind":"regular","currency":"EUR","market":"eu","reason":"a new list"}`
	if w := s.call("fay", "POST", "/v1/finance/price-lists", body); w.Code != http.StatusCreated {
		s.t.Fatalf("the list: %d %s", w.Code, w.Body)
	}
}

const listPath = "/v1/finance/price-lists/regular-eu"

// priceOf is what a mug costs in the EU at a moment, by a pod that has looked for changes.
func (s financeShop) priceOf(asOf string) int64 {
	s.t.Helper()
	testkit.NoError(s.t, s.europe.Carts.Prices.PollOnce(s.t.Context()))
	w := s.call("fay", "GET", "/v1/prices/MUG?country=IE&currency=EUR&as_of="+url.QueryEscape(asOf), "")
	return wantJSON[priceResponse](s.t, w, http.StatusOK).UnitPriceMinor
}

type proposalAnswer struct {
	DryRun bool                 `json:"dry_run"`
	Effect finance.Effect       `json:"effect"`
	Change *priceChangeResponse `json:"change"`
}

// TestFinance_SchedulePrice schedules a price, and sees it before and after its instant.
func TestFinance_SchedulePrice(t *testing.T) {
	s := newFinanceShop(t)
	s.makeList()
	at := s.in(48 * time.Hour)
	line := fmt.Sprintf(`{"lines":[{"sku":"MUG","amount_minor":1300,"valid_from":%q}]}`, at)

	dry := wantJSON[proposalAnswer](t, s.call("fay", "POST", listPath+"/entries?dry_run=true", line), http.StatusOK)
	want := finance.Effect{Lines: 1, SKUs: 1, Changed: 1, Rises: []finance.Move{{Line: 1, SKU: "MUG", MinQuantity: 1, OldMinor: 1250,
		NewMinor: 1300, ChangeBP: 400}}}
	if diff := cmp.Diff(want, dry.Effect, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(finance.Effect{}, "Touched")); diff != "" || !dry.DryRun || dry.Change != nil {
		t.Errorf("the dry run (-want +got):\n%s\n%+v", diff, dry)
	}
	if got := s.priceOf(at); got != 1250 {
		t.Errorf("the dry run changed the price to %d", got)
	}
	applied := wantJSON[proposalAnswer](t, s.call("fay", "POST", listPath+"/entries?reason=inflation", line), http.StatusOK)
	if applied.Change == nil || applied.Change.Status != "applied" || applied.Change.RequestedBy != s.actor("fay") ||
		applied.Change.Reason != "inflation" {
		t.Fatalf("applied: %+v", applied)
	}
	before, after := s.in(48*time.Hour-time.Microsecond), s.in(48*time.Hour)
	for asOf, want := range map[string]int64{s.in(0): 1250, before: 1250, after: 1300, s.in(500 * time.Hour): 1300} {
		if got := s.priceOf(asOf); got != want {
			t.Errorf("as of %s it costs %d, want %d", asOf, got, want)
		}
	}
	s.clock.Advance(49 * time.Hour)
	if got := s.priceOf(before); got != 1250 {
		t.Errorf("afterwards it had cost %d", got)
	}
	entries := wantJSON[entriesResponse](t, s.call("fay", "GET", listPath+"/entries", ""), http.StatusOK)
	if len(entries.Entries) != 1 || entries.Entries[0].AmountMinor != 1300 || *entries.Entries[0].ChangeID != applied.Change.ID {
		t.Errorf("the list's prices: %+v", entries)
	}
}

// TestFinance_TwoPeople: a large change waits, its author cannot approve it, somebody else can, once.
func TestFinance_TwoPeople(t *testing.T) {
	s := newFinanceShop(t)
	s.makeList()
	const path = "/v1/finance/changes/"
	body := `{"lines":[{"sku":"MUG","amount_minor":5000}]}`
	key := uuid.NewString()
	w := s.call("fay", "POST", listPath+"/entries?reason=a+typo", body, "Idempotency-Key", key)
	waiting := wantJSON[proposalAnswer](t, w, http.StatusAccepted)
	id := waiting.Change.ID
	again := s.call("fay", "POST", listPath+"/entries?reason=a+typo", body, "Idempotency-Key", key)
	if diff := cmp.Diff(waiting, wantJSON[proposalAnswer](t, again, http.StatusAccepted),
		cmpopts.IgnoreFields(priceChangeResponse{}, "Effect")); diff != "" || again.Header().Get(replayedHeader) != "true" {
		t.Errorf("a repeated call (-first +second):\n%s", diff)
	}
	wantProblem(t, s.call("fay", "POST", listPath+"/entries?reason=another", body, "Idempotency-Key", key), 422, "idempotency_key_reused")

	wantProblem(t, s.call("fay", "POST", path+id+":approve", ""), 403, "own_change")
	wantProblem(t, s.call("ben", "POST", path+id+":approve", ""), 403, "forbidden")
	wantProblem(t, s.call("gus", "POST", path+uuid.NewString()+":approve", ""), 404, "not_found")
	wantProblem(t, s.call("gus", "POST", path+"x:approve", ""), 404, "not_found")
	pending := wantJSON[priceChangesResponse](t, s.call("gus", "GET", "/v1/finance/changes?status=pending&kind=prices&subject=regular-eu",
		""), http.StatusOK)
	if len(pending.Changes) != 1 || pending.Changes[0].ID != id {
		t.Errorf("waiting: %+v", pending)
	}
	lines := wantJSON[priceChangeLinesResponse](t, s.call("gus", "GET", path+id+"/lines", ""), http.StatusOK)
	if len(lines.Lines) != 1 || *lines.Lines[0].NewMinor != 5000 || lines.Lines[0].OldMinor != nil {
		t.Errorf("its lines: %+v", lines)
	}
	approved := wantJSON[priceChangeResponse](t, s.call("gus", "POST", path+id+":approve", ""), http.StatusOK)
	if approved.Status != "applied" || approved.DecidedBy != s.actor("gus") || approved.RequestedBy != s.actor("fay") {
		t.Errorf("approved: %+v", approved)
	}
	if got := s.priceOf(s.in(time.Second)); got != 5000 {
		t.Errorf("it costs %d", got)
	}
	wantProblem(t, s.call("gus", "POST", path+id+":reject", ""), 409, "change_decided")
	w = s.call("fay", "POST", listPath+"/entries?reason=a+typo", `{"lines":[{"sku":"BOOK","amount_minor":1}]}`)
	other := wantJSON[proposalAnswer](t, w, http.StatusAccepted).Change.ID
	if rejected := wantJSON[priceChangeResponse](t, s.call("fay", "POST", path+other+":reject", ""),
		http.StatusOK); rejected.Status != "rejected" {
		t.Errorf("taken back: %+v", rejected)
	}
}

// TestFinance_Files imports a file of either format, with a dry run before, and downloads what the other takes.
func TestFinance_Files(t *testing.T) {
	s := newFinanceShop(t)
	s.makeList()
	const csvFile = "sku,amount_minor,min_quantity\nMUG,1200,1\nMUG,1100,10\nBOOK,1990,\n"
	send := func(query, mediaType, file string) *httptest.ResponseRecorder {
		return s.call("fay", "POST", listPath+"/entries:import"+query, file, "Content-Type", mediaType)
	}
	dry := wantJSON[proposalAnswer](t, send("?dry_run=true", "text/csv", csvFile), http.StatusOK)
	if dry.Effect.SKUs != 2 || dry.Effect.Changed != 3 || dry.Change != nil {
		t.Errorf("the dry run: %+v", dry)
	}
	wantJSON[proposalAnswer](t, send("?reason=spring+prices", "text/csv; charset=utf-8", csvFile), http.StatusOK)
	s.clock.Advance(time.Hour)
	ndjson := s.call("fay", "GET", listPath+"/entries.ndjson", "")
	if ndjson.Code != http.StatusOK || ndjson.Header().Get("Content-Type") != "application/x-ndjson" ||
		strings.Count(ndjson.Body.String(), "\n") != 3 {
		t.Fatalf("the download: %d %v\n%s", ndjson.Code, ndjson.Header(), ndjson.Body)
	}
	same := wantJSON[proposalAnswer](t, send("?reason=as+it+is", "application/x-ndjson", ndjson.Body.String()), http.StatusOK)
	if same.Effect.Unchanged != 3 || same.Change != nil {
		t.Errorf("the download again: %+v", same)
	}
	csv := s.call("fay", "GET", listPath+"/entries.csv?as_of="+url.QueryEscape(s.in(0)), "")
	if !strings.HasPrefix(csv.Body.String(), "sku,min_quantity,amount_minor,valid_from,valid_to\nBOOK,1,1990,") ||
		csv.Header().Get("Content-Disposition") != `attachment; filename="regular-eu.csv"` {
		t.Errorf("the download: %v\n%s", csv.Header(), csv.Body)
	}
	for _, test := range []struct {
		name, query, mediaType, file string
		status                       int
		code, field                  string
	}{
		{"another type", "?reason=why", "application/json", csvFile, 415, "unsupported_media_type", ""},
		{"no reason", "", "text/csv", csvFile, 400, "bad_request", "reason"},
		{"a bad line", "?reason=why", "text/csv", csvFile + "MUG,cheap,1\n", 400, "bad_request", "line 5, amount_minor"},
		{"an unknown SKU, in a dry run", "?dry_run=true", "text/csv", csvFile + "NOSUCH,1,1\n", 400, "bad_request", "line 5, sku"},
		{"overlapping periods", "?reason=why", "application/x-ndjson",
			`{"sku":"POSTER","amount_minor":1}` + "\n" + `{"sku":"POSTER","amount_minor":2}`, 400, "bad_request", "line 2, valid_from"},
		{"a file too large", "?reason=why", "text/csv", "sku,amount_minor\n" + strings.Repeat("\n", priceFileLimit), 413, "body_too_large", ""},
		{"a dry run that is neither", "?dry_run=perhaps", "text/csv", csvFile, 400, "bad_request", "dry_run"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := wantProblem(t, send(test.query, test.mediaType, test.file), test.status, test.code)
			if test.field != "" && (len(p.Errors) == 0 || p.Errors[0].Field != test.field) {
				t.Errorf("it names %+v, want %s", p.Errors, test.field)
			}
		})
	}
	wantProblem(t, s.call("fay", "POST", "/v1/finance/price-lists/nowhere/entries:import?reason=why", csvFile, "Content-Type", "text/csv"),
		404, "not_found")
	wantProblem(t, s.call("fay", "POST", "/v1/finance/price-lists/catalogue-EUR/entries:import?reason=why", csvFile, "Content-Type",
		"text/csv"), 400, "bad_request")
	wantProblem(t, s.call("fay", "GET", "/v1/finance/price-lists/nowhere/entries.csv", ""), 404, "not_found")
	if after := s.call("fay", "GET", listPath+"/entries.ndjson", ""); after.Body.String() != ndjson.Body.String() {
		t.Errorf("a refused file changed the list:\n%s", after.Body)
	}
}

func TestFinance_Lists(t *testing.T) {
	s := newFinanceShop(t)
	s.makeList()
	w := s.call("fay", "GET", listPath, "")
	list := wantJSON[priceListResponse](t, w, http.StatusOK)
	if w.Header().Get("ETag") != `"v1"` || list.ValidTo != nil || list.Market != "eu" {
		t.Errorf("the list %v: %+v", w.Header(), list)
	}
	body := `{"code":"regular-eu","title":"Regular","kind":"regular","currency":"EUR","market":"eu","reason":"a new list"}`
	wantProblem(t, s.call("fay", "POST", "/v1/finance/price-lists", body), 409, "price_list_exists")
	wantProblem(t, s.call("fay", "POST", "/v1/finance/price-lists", strings.Replace(body, `"eu"`, `"narnia"`, 1)), 400, "market_unknown")
	wantProblem(t, s.call("fay", "PATCH", listPath, `{"title":"New","reason":"better"}`), 428, "precondition_required")
	wantProblem(t, s.call("fay", "PATCH", listPath, `{"title":"New","reason":"better"}`, "If-Match", `"v7"`), 412, "precondition_failed")
	wantProblem(t, s.call("fay", "PATCH", listPath, `{"valid_to":"soon","reason":"better"}`, "If-Match", `"v1"`), 400, "bad_request")
	wantProblem(t, s.call("fay", "PATCH", listPath, `{"reason":"better"}`, "If-Match", `"v1"`), 400, "bad_request")
	w = s.call("fay", "PATCH", listPath, `{"title":"New","valid_to":"`+s.in(time.Hour)+`","reason":"better"}`, "If-Match", `"v1"`)
	if list := wantJSON[priceListResponse](t, w, http.StatusOK); list.Title != "New" || list.ValidTo == nil ||
		w.Header().Get("ETag") != `"v2"` {
		t.Errorf("ended: %+v", list)
	}
	w = s.call("fay", "PATCH", listPath, `{"valid_to":null,"reason":"better"}`, "If-Match", `"v2"`)
	if list := wantJSON[priceListResponse](t, w, http.StatusOK); list.Title != "New" || list.ValidTo != nil {
		t.Errorf("without an end: %+v", list)
	}
	var codes []string
	cursor := ""
	for {
		page := wantJSON[priceListsResponse](t, s.call("fay", "GET", "/v1/finance/price-lists?limit=2&cursor="+cursor, ""), http.StatusOK)
		for _, l := range page.PriceLists {
			codes = append(codes, l.Code)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"catalogue-EUR", "catalogue-SEK", "catalogue-USD", "regular-eu"}, codes); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
}

// TestFinance_Rules changes each rule, and reads it.
func TestFinance_Rules(t *testing.T) {
	s := newFinanceShop(t)
	at := s.in(time.Hour)
	put := func(path, body string, status int) priceChangeResponse {
		t.Helper()
		return wantJSON[priceChangeResponse](t, s.call("fay", "PUT", path, body), status)
	}
	put("/v1/finance/rounding-rules/nines", `{"modulus_minor":10,"ending_minor":9,"mode":"half_up","reason":"nicer"}`, 200)
	s.clock.Advance(time.Second)
	c := put("/v1/finance/markets/ch", `{"title":"Schweiz","countries":["CH","LI"],"currency":"CHF","prices_include_tax":true,"multiplier":"1.10","rounding":{"CHF":"nines"},"valid_from":"`+at+`","reason":"costs more"}`, 202)
	wantJSON[priceChangeResponse](t, s.call("gus", "POST", "/v1/finance/changes/"+c.ID+":approve", ""), http.StatusOK)
	put("/v1/finance/taxes", `{"country":"IE","category":"standard","rate_percent":"23.5","source":"Finance Act","valid_from":"`+at+`","reason":"the law"}`, 200)
	put("/v1/finance/promotions/spring", `{"title":"Spring","coupon":"spring10","total_limit":50,"spec":{"kind":"percentage","percent_bp":1000},"valid_from":"`+at+`","reason":"spring is here"}`, 200)

	market := wantJSON[marketsResponse](t, s.call("fay", "GET", "/v1/finance/markets/ch", ""), http.StatusOK).Markets
	if len(market) != 2 || market[0].ValidTo == nil || market[1].Multiplier.String() != "1.1" || market[1].Rounding["CHF"] != "nines" ||
		*market[1].ChangeID != c.ID {
		t.Errorf("the market: %+v", market)
	}
	if all := wantJSON[marketsResponse](t, s.call("fay", "GET", "/v1/finance/markets", ""), http.StatusOK).Markets; len(all) < 10 {
		t.Errorf("%d markets", len(all))
	}
	rules := wantJSON[roundingRulesResponse](t, s.call("fay", "GET", "/v1/finance/rounding-rules", ""), http.StatusOK).RoundingRules
	if found := rules[len(rules)-2]; found.Name != "nines" || found.EndingMinor != 9 {
		t.Errorf("the rounding rule: %+v", found)
	}
	taxes := wantJSON[taxesResponse](t, s.call("fay", "GET", "/v1/finance/taxes?country=IE", ""), http.StatusOK).Taxes
	if len(taxes) != 3 || taxes[2].RatePercent.String() != "23.5" || taxes[1].ValidTo == nil {
		t.Errorf("the taxes: %+v", taxes)
	}
	if promotions := wantJSON[promotionsResponse](t, s.call("fay", "GET", "/v1/finance/promotions", ""),
		http.StatusOK).Promotions; len(promotions) != 0 {
		t.Errorf("in force already: %+v", promotions)
	}
	later := "/v1/finance/promotions?as_of=" + url.QueryEscape(at)
	if promotions := wantJSON[promotionsResponse](t, s.call("fay", "GET", later, ""), http.StatusOK).Promotions; len(promotions) != 1 ||
		promotions[0].Coupon != "SPRING10" {
		t.Errorf("in force then: %+v", promotions)
	}
	s.clock.Advance(2 * time.Hour)
	ended := s.call("gus", "DELETE", "/v1/finance/promotions/spring?reason=it+is+over", "")
	if c := wantJSON[priceChangeResponse](t, ended, http.StatusOK); c.Kind != "promotion" || c.RequestedBy != s.actor("gus") {
		t.Errorf("ended by %+v", c)
	}
	versions := wantJSON[promotionsResponse](t, s.call("fay", "GET", "/v1/finance/promotions/spring", ""), http.StatusOK).Promotions
	if len(versions) != 1 || versions[0].ValidTo == nil || versions[0].TotalLimit != 50 {
		t.Errorf("its versions: %+v", versions)
	}
	wantProblem(t, s.call("fay", "GET", "/v1/finance/promotions/autumn", ""), 404, "not_found")
	wantProblem(t, s.call("fay", "DELETE", "/v1/finance/promotions/autumn?reason=why", ""), 404, "not_found")
	wantProblem(t, s.call("fay", "GET", "/v1/finance/markets/narnia", ""), 404, "not_found")
	wantProblem(t, s.call("fay", "GET", "/v1/finance/taxes", ""), 400, "bad_request")
	p := wantProblem(t, s.call("fay", "PUT", "/v1/finance/markets/ch",
		`{"title":"x","countries":["DE"],"currency":"CHF","prices_include_tax":true,"multiplier":"much","reason":"why"}`), 400, "bad_request")
	if len(p.Errors) != 1 || p.Errors[0].Field != "multiplier" {
		t.Errorf("it names %+v", p.Errors)
	}

	group := "/v1/finance/accounts/" + s.regions.FormatID(regions.AccountPrefix, s.ada.Ref) + "/customer-group"
	put(group, `{"customer_group":"wholesale","reason":"signed the contract"}`, 200)
	changed := put(group, `{"customer_group":"","reason":"left again"}`, 200)
	if string(changed.Old) != `{"customer_group":"wholesale"}` || strings.Contains(changed.Subject, "ada") {
		t.Errorf("the group's audit: %+v", changed)
	}
	wantProblem(t, s.call("fay", "PUT", strings.Replace(group, "usr_", "ord_", 1), `{"customer_group":"x","reason":"why"}`), 404, "not_found")
}

func TestFinance_Rates(t *testing.T) {
	s := newFinanceShop(t)
	day := func(n int) string { return s.clock.Now().AddDate(0, 0, n).Format("2 January 2006") }
	iso := func(n int) string { return s.clock.Now().AddDate(0, 0, n).Format(time.DateOnly) }
	send := func(file string) rateImportResponse {
		t.Helper()
		return wantJSON[rateImportResponse](t, s.call("fay", "POST", "/v1/finance/rates:import", file, "Content-Type", "text/csv"), http.StatusOK)
	}
	first := "Date, USD, GBP, \n" + day(-3) + ", 1.10, 0.85, \n"
	if r := send(first); r.New != 2 || r.Held != 0 {
		t.Errorf("the first import: %+v", r)
	}
	if r := send(first); r.New != 0 || r.Unchanged != 2 {
		t.Errorf("the same again: %+v", r)
	}
	if r := send("Date, USD, GBP, \n" + day(-2) + ", 1.90, 0.86, \n"); r.New != 2 || r.Held != 1 || r.HeldRates[0].Currency != "USD" {
		t.Errorf("a jump: %+v", r)
	}
	held := wantJSON[ratesResponse](t, s.call("fay", "GET", "/v1/finance/rates?status=held", ""), http.StatusOK).Rates
	if len(held) != 1 || held[0].Day != iso(-2) || held[0].ValidFrom != nil {
		t.Errorf("held: %+v", held)
	}
	decision := `{"source":"ecb","day":"` + iso(-2) + `","reason":"seen in the news"}`
	if rate := wantJSON[rateResponse](t, s.call("fay", "POST", "/v1/finance/rates/USD:confirm", decision),
		http.StatusOK); rate.Status != "in_force" {
		t.Errorf("confirmed: %+v", rate)
	}
	wantProblem(t, s.call("fay", "POST", "/v1/finance/rates/USD:reject", decision), 409, "rate_not_held")
	wantProblem(t, s.call("fay", "POST", "/v1/finance/rates/JPY:reject", decision), 404, "not_found")

	manual := `{"currency":"GBP","rate":"0.87","reason":"our hedge"}`
	rate := wantJSON[rateResponse](t, s.call("fay", "POST", "/v1/finance/rates", manual), http.StatusCreated)
	wantProblem(t, s.call("fay", "POST", "/v1/finance/rates", strings.Replace(manual, "0.87", "8.7", 1)), 400, "bad_request")
	wantProblem(t, s.call("fay", "POST", "/v1/finance/rates", strings.Replace(manual, "0.87", "a lot", 1)), 400, "bad_request")
	s.clock.Advance(time.Hour)
	withdrawal := `{"day":"` + rate.Day + `","reason":"no longer hedged"}`
	wantJSON[rateResponse](t, s.call("gus", "POST", "/v1/finance/rates/GBP:withdraw", withdrawal), http.StatusOK)
	wantProblem(t, s.call("gus", "POST", "/v1/finance/rates/GBP:withdraw", withdrawal), 409, "rate_over")

	p := wantProblem(t, s.call("fay", "POST", "/v1/finance/rates:import", "Date, USD, \n"+day(-1)+", x, \n", "Content-Type", "text/csv"),
		400, "bad_request")
	if len(p.Errors) != 1 || p.Errors[0].Field != "file" || !strings.Contains(p.Errors[0].Message, "line 2") {
		t.Errorf("a broken file: %+v", p)
	}
	wantProblem(t, s.call("fay", "POST", "/v1/finance/rates:import", first), 415, "unsupported_media_type")
	wantProblem(t, s.call("fay", "GET", "/v1/finance/rates?source=xe", ""), 400, "bad_request")
	changes := wantJSON[priceChangesResponse](t, s.call("fay", "GET", "/v1/finance/changes?kind=rate&limit=100", ""), http.StatusOK).Changes
	if len(changes) != 5 || changes[0].RequestedBy != s.actor("gus") || changes[4].RequestedBy != s.actor("fay") {
		t.Errorf("%d changes in the audit: %+v", len(changes), changes)
	}
	seen, cursor := 0, ""
	for {
		page := wantJSON[ratesResponse](t, s.call("fay", "GET", "/v1/finance/rates?limit=2&cursor="+cursor, ""), http.StatusOK)
		seen += len(page.Rates)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if seen != 5 {
		t.Errorf("%d rates, page by page", seen)
	}
}

// TestFinance_HostileInput drives every operation of finance as somebody of finance: whatever they send, it is no 5xx.
func TestFinance_HostileInput(t *testing.T) {
	w := newHostileWorld(t)
	w.driver.Callers = append(w.driver.Callers, hostileCaller("finance", "finance"))
	list := finance.ListInput{By: finance.By{Actor: "usr_x", Reason: "a list to try things on"}, Code: "hostile", Title: "Hostile",
		Kind: "regular", Currency: "EUR"}
	fin, _ := w.shop.finance()
	testkit.Must(fin.CreateList(t.Context(), list))(w.shop.t)
	proposal, err := fin.SetPrices(t.Context(), finance.PricesInput{By: list.By, List: "hostile",
		Lines: []finance.Line{{No: 1, SKU: "MUG", MinQuantity: 1, AmountMinor: new(int64)}}})
	testkit.NoError(w.shop.t, err)
	w.driver.Values["list"] = []string{"hostile", "catalogue-EUR"}
	w.driver.Values["change_id"] = []string{proposal.Change.PublicID()}
	for _, operation := range w.driver.Contract.Operations {
		if groupOf(operation) != financiers {
			w.driver.Skip[operation.OperationID] = "it is not finance's"
		}
	}
	w.driver.Run(t)
}
