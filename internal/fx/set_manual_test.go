package fx

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/testkit"
)

// enter is a manual rate of dollars from one time to another; the zero times are none.
func enter(rate string, from, to time.Time) ManualInput {
	in := ManualInput{Currency: "USD", Rate: dec(rate), ValidFrom: from, Actor: "usr_finance", Reason: "fixed for the month"}
	if !to.IsZero() {
		in.ValidTo = &to
	}
	return in
}

// set enters a rate, a second after what was done before.
func (s *shop) set(in ManualInput) Entry {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	entry := testkit.Must(s.SetManual(s.t.Context(), in))(s.t)
	return entry
}

func (s *shop) withdraw(e Entry) error {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	_, err := s.WithdrawManual(s.t.Context(), Decision{Currency: e.Currency, Day: e.Day, Actor: "usr_finance", Reason: "no longer"})
	return err
}

// wantFault wants an error about one field, that says this.
func wantFault(t *testing.T, err error, field, says string) {
	t.Helper()
	var invalid *invalid.Error
	if !errors.As(err, &invalid) || len(invalid.Fields) != 1 || invalid.Fields[0].Name != field ||
		!strings.Contains(invalid.Fields[0].Remedy, says) {
		t.Errorf("got %v, want a fault of %s: %s", err, field, says)
	}
}

func TestSetManual(t *testing.T) {
	const lead = 5 * time.Second
	s := newShop(t, at(4, 13, 20), func(c *Config) { c.Lead = lead })
	s.take(Report{New: 1}, quote("2026-04-13", "USD", "1.17"))
	version := s.version()
	entry := s.set(enter("1.2", time.Time{}, at(4, 20, 0)))
	s.wantAt("USD", s.now.Add(lead-time.Second), "1.17")
	s.wantAt("USD", s.now.Add(lead), "1.2")
	s.wantAt("USD", at(4, 20, 0), "1.17")
	want := `rate USD applied by usr_finance: fixed for the month ` +
		`{"day": "2026-04-13", "rate": "1.17", "source": "ecb", "status": "in_force", "valid_from": "2026-04-13T15:00:00Z"} ` +
		`{"day": "2026-04-13T20:00:01.000000Z", "rate": "1.2", "source": "manual", "status": "in_force", "valid_to": "2026-04-20T00:00:00Z", "valid_from": "2026-04-13T20:00:06Z"}`
	if got := s.audited(); got != want || s.version() != version+1 {
		t.Errorf("version %d, before %d; audited as\n%s, want\n%s", s.version(), version, got, want)
	}

	// It is withdrawn from when every pod knows.
	s.now = at(4, 14, 0)
	testkit.NoError(t, s.withdraw(entry))
	s.wantAt("USD", s.now.Add(lead-time.Second), "1.2")
	s.wantAt("USD", s.now.Add(lead), "1.17")
	s.now = s.now.Add(lead)
	if err := s.withdraw(entry); !errors.Is(err, ErrOver) {
		t.Errorf("withdrawn twice: got %v", err)
	}

	// What is withdrawn before it begins never was, and makes way.
	entry = s.set(enter("1.21", at(5, 1, 0), time.Time{}))
	testkit.NoError(t, s.withdraw(entry))
	s.wantAt("USD", at(5, 2, 0), "1.17")
	s.set(enter("1.22", at(5, 1, 0), time.Time{}))
	s.wantAt("USD", at(5, 2, 0), "1.22")
}

func TestSetManual_Overlap(t *testing.T) {
	s := newShop(t, at(4, 1, 0), nil)
	s.set(enter("1.2", at(4, 10, 0), at(4, 20, 0)))
	s.set(enter("1.2", at(5, 1, 0), time.Time{}))
	overlapping := []struct {
		name     string
		from, to time.Time
	}{
		{"the same", at(4, 10, 0), at(4, 20, 0)},
		{"around it", at(4, 9, 0), at(4, 21, 0)},
		{"within it", at(4, 12, 0), at(4, 13, 0)},
		{"its begin", at(4, 9, 0), at(4, 11, 0)},
		{"its last hour", at(4, 19, 23), at(4, 22, 0)},
		{"without an end", at(4, 21, 0), time.Time{}},
		{"in what has no end", at(9, 1, 0), at(9, 2, 0)},
	}
	for _, test := range overlapping {
		t.Run(test.name, func(t *testing.T) {
			s.now = s.now.Add(time.Second)
			_, err := s.SetManual(t.Context(), enter("1.2", test.from, test.to))
			wantFault(t, err, "valid_from", "withdraw that first")
		})
	}
	s.set(enter("1.2", at(4, 9, 0), at(4, 10, 0)))
	s.set(enter("1.2", at(4, 20, 0), at(5, 1, 0)))
	other := enter("0.87", at(4, 10, 0), at(4, 20, 0))
	other.Currency = "GBP"
	s.set(other)
}

// Of entries for one time that race, one is taken.
func TestSetManual_Concurrently(t *testing.T) {
	s := newShop(t, at(4, 1, 0), nil)
	var moments sync.Mutex
	s.Now = func() time.Time {
		moments.Lock()
		defer moments.Unlock()
		s.now = s.now.Add(time.Second)
		return s.now
	}
	var running sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		running.Go(func() { _, errs[i] = s.SetManual(t.Context(), enter("1.2", at(5, 1, 0), at(5, 2, i+1))) })
	}
	running.Wait()
	taken := 0
	for _, err := range errs {
		if err == nil {
			taken++
		} else {
			wantFault(t, err, "valid_from", "withdraw that first")
		}
	}
	if taken != 1 {
		t.Errorf("%d were taken, want 1", taken)
	}
}

func TestSetManual_Refuses(t *testing.T) {
	s := newShop(t, at(4, 13, 20), func(c *Config) { c.Lead = 5 * time.Second })
	s.take(Report{New: 1}, quote("2026-04-13", "USD", "1.17"))
	tests := []struct {
		name        string
		change      func(*ManualInput)
		field, says string
	}{
		{"no currency", func(in *ManualInput) { in.Currency = "XXX" }, "currency", "ISO 4217"},
		{"the euro", func(in *ManualInput) { in.Currency = Euro }, "currency", "must not be EUR"},
		{"nothing", func(in *ManualInput) { in.Rate = money.Decimal{} }, "rate", "above zero"},
		{"too fine", func(in *ManualInput) { in.Rate = dec("1.1234567") }, "rate", "6 of them decimals"},
		{"in the past", func(in *ManualInput) { in.ValidFrom = s.now.Add(-time.Hour) }, "valid_from", "2026-04-13T20:00:05Z or later"},
		{"before every pod knows", func(in *ManualInput) { in.ValidFrom = s.now.Add(4 * time.Second) }, "valid_from", "or later"},
		{"backwards", func(in *ManualInput) { in.ValidTo = until(in.ValidFrom) }, "valid_to", "after valid_from"},
		{"nobody", func(in *ManualInput) { in.Actor = "" }, "actor", "must be given"},
		{"no reason", func(in *ManualInput) { in.Reason = "" }, "reason", "must be given"},
		{"a typing error", func(in *ManualInput) { in.Rate = dec("11.7") }, "rate", "within 10.00 % of 1.17, the ecb rate of 2026-04-13"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := enter("1.2", at(4, 14, 0), at(4, 15, 0))
			test.change(&in)
			_, err := s.SetManual(t.Context(), in)
			wantFault(t, err, test.field, test.says)
		})
	}
	meant := enter("11.7", at(4, 14, 0), time.Time{})
	meant.AcceptJump = true
	s.set(meant)
	s.wantAt("USD", at(4, 14, 0), "11.7")
}

// One of a series that the next has replaced can no longer be withdrawn.
func TestWithdrawManual_OfASeries(t *testing.T) {
	s := newShop(t, at(4, 13, 20), nil)
	s.takeFrom(Manual{quote("2026-04-10", "AED", "4.3"), quote("2026-04-13", "AED", "4.31")}, Report{New: 2})
	if err := s.withdraw(Entry{Currency: "AED", Day: "2026-04-10"}); !errors.Is(err, ErrOver) {
		t.Errorf("the first: got %v", err)
	}
	if err := s.withdraw(Entry{Currency: "AED", Day: "2026-04-13"}); err != nil {
		t.Errorf("the last: got %v", err)
	}
	s.wantAt("AED", s.now.Add(-time.Second), "4.31")
	s.wantAt("AED", s.now, "")
}
