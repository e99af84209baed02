package api

import (
	"net/http"
	"testing"
	"time"

	"meridian/internal/finance"
)

// TestFinance_Strategies tries a strategy, asks for it, repeats the call, has it approved, and sees a price of it.
func TestFinance_Strategies(t *testing.T) {
	s := newFinanceShop(t)
	const path = "/v1/finance/strategies/regional:apply"
	type proposal struct {
		DryRun        bool                   `json:"dry_run"`
		NeedsApproval bool                   `json:"needs_approval"`
		Effect        finance.StrategyEffect `json:"effect"`
		Change        *priceChangeResponse   `json:"change"`
	}
	inForce := func() (codes []string) {
		for _, f := range wantJSON[strategiesResponse](t, s.call("fay", "GET", "/v1/finance/strategies", ""), http.StatusOK).Strategies {
			if f.InForce {
				codes = append(codes, f.Code)
			}
		}
		return codes
	}
	if codes := inForce(); len(codes) != 1 || codes[0] != "standard" {
		t.Errorf("a shop begins with %v", codes)
	}
	dry := wantJSON[proposal](t, s.call("fay", "POST", path+"?dry_run=true", `{}`), http.StatusOK)
	if !dry.DryRun || !dry.NeedsApproval || dry.Change != nil || dry.Effect.SKUs == 0 || len(dry.Effect.Moves) == 0 {
		t.Errorf("the dry run: %+v", dry)
	}
	at := s.in(time.Hour)
	body, key := `{"reason":"prices by region","valid_from":"`+at+`"}`, []string{"Idempotency-Key", "regional"}
	asked := wantJSON[proposal](t, s.call("fay", "POST", path, body, key...), http.StatusAccepted)
	again := s.call("fay", "POST", path, body, key...)
	if repeated := wantJSON[proposal](t, again, http.StatusAccepted); repeated.Change.ID != asked.Change.ID ||
		again.Header().Get(replayedHeader) != "true" {
		t.Errorf("repeated: %+v, want change %s", repeated, asked.Change.ID)
	}
	wantProblem(t, s.call("fay", "POST", path, `{"reason":"no"}`), 400, "bad_request")
	wantProblem(t, s.call("fay", "POST", "/v1/finance/strategies/global:apply", body), 404, "not_found")
	wantJSON[priceChangeResponse](t, s.call("gus", "POST", "/v1/finance/changes/"+asked.Change.ID+":approve", ""), http.StatusOK)
	if before, after := s.priceOf(s.in(0)), s.priceOf(at); before != 1250 || after != 1500 {
		t.Errorf("a mug costs %d before and %d after, want 1250 and 1500", before, after)
	}
	s.clock.Advance(2 * time.Hour)
	if codes := inForce(); len(codes) != 1 || codes[0] != "regional" {
		t.Errorf("in force: %v", codes)
	}
	markets := wantJSON[marketsResponse](t, s.call("fay", "GET", "/v1/finance/markets/latam", ""), http.StatusOK).Markets
	if len(markets) != 1 || !markets[0].FromBasePrice || markets[0].Multiplier.String() != "0.8" || len(markets[0].Countries) != 6 {
		t.Errorf("latam: %+v", markets)
	}
}

// TestPutPromotion_Faults: what is wrong in a promotion is named by its place in the body, with a remedy.
func TestPutPromotion_Faults(t *testing.T) {
	s := newFinanceShop(t)
	const path = "/v1/finance/promotions/spring"
	for _, test := range []struct{ name, title, spec, field, remedy string }{
		{"no kind", "Spring", `{}`, "spec.kind", "must be one of percentage, amount, buy_x_get_y and free_shipping"},
		{"a text for a number", "Spring", `{"kind":"percentage","percent_bp":"10"}`, "spec.percent_bp", "must be a whole number"},
		{"too large", "Spring", `{"kind":"percentage","percent_bp":10001}`, "spec.percent_bp", "must be 1 to 10000"},
		{"a misspelt name", "Spring", `{"kind":"percentage","percent_bp":10,"conditions":{"min_subtotal":{"EUR":5}}}`,
			"spec.conditions.min_subtotal", "is not known here: did you mean min_subtotals?"},
		{"an amount that is none", "Spring", `{"kind":"free_shipping","conditions":{"min_subtotals":{"EUR":"5"}}}`,
			"spec.conditions.min_subtotals.EUR", "must be a whole number"},
		{"an amount below one", "Spring", `{"kind":"free_shipping","conditions":{"min_subtotals":{"EUR":0}}}`,
			"spec.conditions.min_subtotals.EUR", "must be 1 to 1000000000000"},
		{"an unknown currency", "Spring", `{"kind":"free_shipping","conditions":{"min_subtotals":{"eur":1}}}`,
			"spec.conditions.min_subtotals.eur", "must be a currency of ISO 4217 in upper case, such as EUR"},
		{"a list that is none", "Spring", `{"kind":"free_shipping","conditions":{"skus":"MUG"}}`, "spec.conditions.skus", "must be a list"},
		{"an unknown SKU", "Spring", `{"kind":"free_shipping","conditions":{"skus":["MUG","NOSUCH"]}}`,
			"spec.conditions.skus[1]", `must be a SKU of the catalogue: there is no "NOSUCH"`},
		{"an unknown category", "Spring", `{"kind":"free_shipping","conditions":{"categories":["zz-9"]}}`,
			"spec.conditions.categories[0]", `must be the id of a category: there is no "zz-9"`},
		{"another kind's field", "Spring", `{"kind":"free_shipping","buy":2}`, "spec.buy", "must be left out: it is for the kind buy_x_get_y"},
		{"no title", "", `{"kind":"free_shipping"}`, "title", "must be given"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := `{"title":"` + test.title + `","reason":"spring","spec":` + test.spec + `}`
			p := wantProblem(t, s.call("fay", "PUT", path, body), 400, "bad_request")
			if len(p.Errors) != 1 || p.Errors[0].Field != test.field || p.Errors[0].Message != test.remedy {
				t.Errorf("it says %+v, want %s %s", p.Errors, test.field, test.remedy)
			}
		})
	}
	p := wantProblem(t, s.call("fay", "PUT", path,
		`{"title":"Spring","reason":"spring","spec":{"kind":"free_shipping","conditions":{"markets":["narnia"]}}}`), 400, "bad_request")
	if p.Errors[0].Field != "spec.conditions.markets[0]" {
		t.Errorf("a market: %+v", p.Errors)
	}
}
