package fx

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meridian/internal/money"
)

// at reads a time of the tests' year: month, day and hour.
func at(month time.Month, day, hour int) time.Time {
	return time.Date(2026, month, day, hour, 0, 0, 0, time.UTC)
}

func until(t time.Time) *time.Time { return &t }

func TestTable(t *testing.T) {
	table := NewTable([]Rate{
		{Currency: "USD", Source: SourceECB, Day: "2026-04-13", Rate: dec("1.3"), ValidFrom: at(4, 13, 15)},
		{Currency: "USD", Source: SourceECB, Day: "2026-04-10", Rate: dec("1.2"), ValidFrom: at(4, 10, 15)},
		{Currency: "USD", Source: SourceECB, Day: "2026-04-09", Rate: dec("9"), ValidFrom: at(4, 11, 9), ValidTo: until(at(4, 11, 9))},
		{Currency: "USD", Source: SourceManual, Day: "2026-04-01T00:00:00.000000Z", Rate: dec("1.5"), ValidFrom: at(4, 12, 0),
			ValidTo: until(at(4, 12, 6))},
		{Currency: "GBP", Source: SourceECB, Day: "2026-04-13", Rate: dec("0.88"), ValidFrom: at(4, 13, 18)},
		{Currency: "GBP", Source: SourceECB, Day: "2026-04-10", Rate: dec("0.87"), ValidFrom: at(4, 13, 18)},
	})
	tests := []struct {
		name     string
		currency money.Currency
		at       time.Time
		want     string // empty for none
	}{
		{"before the first", "USD", at(4, 10, 14), ""},
		{"from the moment of the first", "USD", at(4, 10, 15), "1.2"},
		{"one that came too late", "USD", at(4, 11, 9), "1.2"},
		{"until a manual one", "USD", at(4, 11, 23), "1.2"},
		{"from a manual one", "USD", at(4, 12, 0), "1.5"},
		{"until a manual one ends", "USD", at(4, 12, 5), "1.5"},
		{"from when it ended", "USD", at(4, 12, 6), "1.2"},
		{"from the next", "USD", at(4, 13, 15), "1.3"},
		{"for ever", "USD", at(12, 31, 0), "1.3"},
		{"of two at once the later day", "GBP", at(4, 13, 18), "0.88"},
		{"the euro", "EUR", at(1, 1, 0), "1"},
		{"another", "CHF", at(4, 13, 18), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := table.At(test.currency, test.at)
			var none *NoRateError
			switch {
			case test.want == "":
				if !errors.As(err, &none) || *none != (NoRateError{test.currency, test.at}) {
					t.Errorf("got %v, %v; want no rate", got, err)
				}
			case err != nil || got.Rate != dec(test.want) || got.Currency != test.currency:
				t.Errorf("got %v, %v; want %s", got, err, test.want)
			}
		})
	}
	if allocations := testing.AllocsPerRun(100, func() { _, _ = table.At("USD", at(4, 12, 1)) }); allocations != 0 {
		t.Errorf("a look-up allocates %v times", allocations)
	}
}

// The table answers as going through all rates does.
func TestTable_AgreesWithTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		moment := rapid.Map(rapid.IntRange(0, 40), func(n int) time.Time { return at(1, 1, n) })
		rates := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rate {
			r := Rate{
				Currency: "USD", Source: rapid.SampledFrom([]string{SourceECB, SourceManual}).Draw(t, "source"),
				Day: rapid.StringMatching(`2026-0[1-9]-[12][0-9]`).Draw(t, "day"), ValidFrom: moment.Draw(t, "from"),
			}
			if rapid.Bool().Draw(t, "ends") {
				r.ValidTo = until(r.ValidFrom.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "hours")) * time.Hour))
			}
			return r
		}), 0, 12).Draw(t, "rates")
		when := moment.Draw(t, "at")
		got, err := NewTable(rates).At("USD", when)
		want, found := byRule(rates, when)
		if found != (err == nil) || (found && (got.Source != want.Source || got.Day != want.Day || !got.ValidFrom.Equal(want.ValidFrom))) {
			t.Fatalf("got %v, %v; want %v, %v", got, err, want, found)
		}
	})
}

// byRule is the rate that began last of those that ever did, if it is not over: of the manual
// ones, else of the others.
func byRule(rates []Rate, when time.Time) (Rate, bool) {
	for _, manual := range []bool{true, false} {
		var begun []Rate
		for _, r := range rates {
			never := r.ValidTo != nil && r.ValidTo.Equal(r.ValidFrom)
			if (r.Source == SourceManual) == manual && !never && !r.ValidFrom.After(when) {
				begun = append(begun, r)
			}
		}
		if len(begun) == 0 {
			continue
		}
		slices.SortStableFunc(begun, byValidity)
		if last := begun[len(begun)-1]; last.inForce(when) {
			return last, true
		}
	}
	return Rate{}, false
}

func TestRate_Stale(t *testing.T) {
	published := Rate{Source: SourceECB, Day: "2026-04-10", ValidFrom: at(4, 20, 0)}
	entered := Rate{Source: SourceManual, Day: "2026-04-01T08:00:00.000000Z", ValidFrom: at(4, 10, 15)}
	for name, r := range map[string]Rate{"from its publication": published, "from when it began": entered} {
		if age := r.Age(at(4, 14, 15)); age != 96*time.Hour || r.Stale(at(4, 14, 15), 96*time.Hour) || !r.Stale(at(4, 14, 16), 96*time.Hour) {
			t.Errorf("%s: %v old", name, age)
		}
		if age := r.Age(at(4, 9, 0)); age != 0 {
			t.Errorf("%s: %v old before it began", name, age)
		}
	}
	if one, _ := NewTable(nil).At(Euro, at(4, 14, 0)); one.Stale(at(4, 14, 0), 0) {
		t.Error("the euro is stale")
	}
}

func TestTable_Oldest(t *testing.T) {
	rates := []Rate{
		{Currency: "USD", Source: SourceECB, Day: "2026-04-10", ValidFrom: at(4, 10, 15)},
		{Currency: "ISK", Source: SourceECB, Day: "2026-04-08", ValidFrom: at(4, 8, 15)},
		{Currency: "RUB", Source: SourceECB, Day: "2022-03-01", ValidFrom: at(1, 1, 0)}, // given up
	}
	now := at(4, 12, 15)
	if oldest, ok := NewTable(rates).Oldest(now); !ok || oldest.Currency != "ISK" {
		t.Errorf("got %v, %v; want the Icelandic krona's", oldest, ok)
	}
	rates = append(rates,
		Rate{Currency: "AED", Source: SourceManual, Day: "2026-01-31", ValidFrom: at(1, 31, 15)},
		Rate{Currency: "KWD", Source: SourceManual, Day: "2026-04-11", ValidFrom: at(4, 11, 15)})
	if oldest, ok := NewTable(rates).Oldest(now); !ok || oldest.Currency != "AED" {
		t.Errorf("got %v, %v; want the dirham's: a person's entry is not given up", oldest, ok)
	}
	if _, ok := NewTable(nil).Oldest(now); ok {
		t.Error("there is an oldest of none")
	}
}
