package promotion_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/promotion"
	"meridian/internal/testkit"
)

// noon is when the promotions of the tests begin.
var noon = time.Date(2026, 4, 13, 12, 0, 0, 0, time.UTC)

func TestValidate(t *testing.T) {
	percent := promotion.Spec{Kind: promotion.Percentage, PercentBP: 1000}
	tests := []struct {
		name string
		p    promotion.Promotion
		want []string // the fields at fault
	}{
		{"percentage", promotion.Promotion{ID: "spring-2026", Title: "Spring", Coupon: "SPRING_26-X", Spec: percent}, nil},
		{"amount", promotion.Promotion{ID: "ten", Title: "Ten off", Spec: promotion.Spec{
			Kind: promotion.AmountOff, Amounts: map[money.Currency]int64{"EUR": 1000, "JPY": 1500},
			Conditions: promotion.Conditions{
				Markets: []string{"eu"}, Currencies: []money.Currency{"EUR"}, Groups: []string{"", "trade"}, Categories: []string{"hg-3"},
				SKUs: []string{"MUG.1"}, MinSubtotals: map[money.Currency]int64{"EUR": 5000}, MinQuantity: 2, FirstOrder: true,
			},
		}}, nil},
		{"buy x get y", promotion.Promotion{ID: "b", Title: "3 for 2", Spec: promotion.Spec{Kind: promotion.BuyXGetY, Buy: 2, Get: 1}}, nil},
		{"free shipping", promotion.Promotion{ID: "f", Title: "Free", Spec: promotion.Spec{Kind: promotion.FreeShipping, Exclusive: true}}, nil},
		{"nothing", promotion.Promotion{}, []string{"code", "title", "spec.kind"}},
		{"names", promotion.Promotion{ID: "Big", Title: "a\nb", Coupon: "spring", Spec: percent}, []string{"code", "title", "coupon"}},
		{"coupon too short", promotion.Promotion{ID: "a", Title: "A", Coupon: "AB", Spec: percent}, []string{"coupon"}},
		{"numbers", promotion.Promotion{ID: "a", Title: "A", Priority: 1 << 40, TotalLimit: -1, CustomerLimit: -1, ValidFrom: noon,
			ValidTo: &noon, Spec: percent},
			[]string{"priority", "total_limit", "customer_limit", "valid_to"}},
		{"percentage of too much", promotion.Promotion{ID: "a", Title: "A",
			Spec: promotion.Spec{Kind: promotion.Percentage, PercentBP: 10_001}}, []string{"spec.percent_bp"}},
		{"amount of nothing", promotion.Promotion{ID: "a", Title: "A", Spec: promotion.Spec{Kind: promotion.AmountOff}},
			[]string{"spec.amounts"}},
		{"spec.amounts", promotion.Promotion{ID: "a", Title: "A", Spec: promotion.Spec{
			Kind: promotion.AmountOff, Amounts: map[money.Currency]int64{"EUR": 0, "XXX": 5},
		}}, []string{"spec.amounts.EUR", "spec.amounts.XXX"}},
		{"buy x get nothing", promotion.Promotion{ID: "a", Title: "A", Spec: promotion.Spec{Kind: promotion.BuyXGetY, GetPercentBP: -1}},
			[]string{"spec.buy", "spec.get", "spec.get_percent_bp"}},
		{"fields of other kinds", promotion.Promotion{ID: "a", Title: "A", Spec: promotion.Spec{
			Kind: promotion.FreeShipping, PercentBP: 1, Buy: 1, Get: 1, GetPercentBP: 1, Amounts: map[money.Currency]int64{"EUR": 1},
		}}, []string{"spec.percent_bp", "spec.buy", "spec.get", "spec.get_percent_bp", "spec.amounts"}},
		{"conditions", promotion.Promotion{ID: "a", Title: "A", Spec: promotion.Spec{
			Kind: promotion.FreeShipping,
			Conditions: promotion.Conditions{
				Markets: []string{"eu", ""}, Groups: []string{"a b"}, Categories: []string{"hg/3"}, SKUs: make([]string, 1001),
				Currencies: []money.Currency{"EUR", "eur"}, MinSubtotals: map[money.Currency]int64{"EUR": -1}, MinQuantity: -1,
			},
		}}, []string{
			"spec.conditions.markets[1]", "spec.conditions.groups[0]", "spec.conditions.categories[0]", "spec.conditions.skus",
			"spec.conditions.currencies[1]", "spec.conditions.min_subtotals.EUR", "spec.conditions.min_quantity",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			var faults *invalid.Error
			if err := test.p.Validate(); errors.As(err, &faults) {
				for _, f := range faults.Fields {
					got = append(got, f.Name)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("fields at fault (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSpecText(t *testing.T) {
	want := promotion.Spec{
		Kind: promotion.AmountOff, Amounts: map[money.Currency]int64{"USD": 1200, "EUR": 1000}, Exclusive: true,
		Conditions: promotion.Conditions{Groups: []string{""}, MinSubtotals: map[money.Currency]int64{"EUR": 5000}, FirstOrder: true},
	}
	text := testkit.Must(want.Encode())(t)
	const form = `{"kind":"amount","amounts":{"EUR":1000,"USD":1200},` +
		`"conditions":{"groups":[""],"min_subtotals":{"EUR":5000},"first_order":true},"exclusive":true}`
	if text != form {
		t.Errorf("encoded as %s, want %s", text, form)
	}
	got := testkit.Must(promotion.ParseSpec([]byte(text)))(t)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestParseSpec_Refuses(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":              `percentage`,
		"something after":      `{"kind":"free_shipping"} {}`,
		"an unknown field":     `{"kind":"free_shipping","minimum":5000}`,
		"an unknown condition": `{"kind":"free_shipping","conditions":{"weekday":"monday"}}`,
		"a field twice":        `{"kind":"percentage","percent_bp":1,"percent_bp":2}`,
		"a fraction":           `{"kind":"percentage","percent_bp":12.5}`,
		"an unknown kind":      `{"kind":"gift"}`,
		"an offer of nothing":  `{"kind":"buy_x_get_y"}`,
	} {
		if s, err := promotion.ParseSpec([]byte(text)); err == nil {
			t.Errorf("%s: %s was read as %+v", name, text, s)
		}
	}
}

func TestNormalizeCoupon(t *testing.T) {
	if got := promotion.NormalizeCoupon(" Spring-26\n"); got != "SPRING-26" {
		t.Errorf("normalized to %q", got)
	}
}

// percent, amount, shipping and offer are promotions that begin at noon and apply by themselves.
func percent(id string, bp int64) promotion.Promotion {
	return of(id, promotion.Spec{Kind: promotion.Percentage, PercentBP: bp})
}

func amount(id string, minor int64) promotion.Promotion {
	return of(id, promotion.Spec{Kind: promotion.AmountOff, Amounts: map[money.Currency]int64{"EUR": minor}})
}

func shipping(id string) promotion.Promotion {
	return of(id, promotion.Spec{Kind: promotion.FreeShipping})
}

func offer(id string, buy, get int64) promotion.Promotion {
	return of(id, promotion.Spec{Kind: promotion.BuyXGetY, Buy: buy, Get: get})
}

func of(id string, spec promotion.Spec) promotion.Promotion {
	return promotion.Promotion{ID: id, Title: strings.ToUpper(id), ValidFrom: noon, Spec: spec}
}

// with is a promotion with something more.
func with(p promotion.Promotion, more func(p *promotion.Promotion)) promotion.Promotion {
	more(&p)
	return p
}

func exclusive(p *promotion.Promotion) { p.Exclusive = true }

// code makes the promotion wait for a coupon.
func code(coupon string) func(p *promotion.Promotion) {
	return func(p *promotion.Promotion) { p.Coupon = coupon }
}
