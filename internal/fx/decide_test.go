package fx

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"meridian/internal/invalid"
	"meridian/internal/testkit"
)

// holding is a shop whose Turkish rates of 10 and 13 April are held, after 50 of 9 April.
func holding(t *testing.T, lead time.Duration) *shop {
	t.Helper()
	s := newShop(t, at(4, 13, 20), func(c *Config) { c.Lead = lead })
	held := []HeldRate{{quote("2026-04-10", "TRY", "60"), dec("50")}, {quote("2026-04-13", "TRY", "61"), dec("50")}}
	s.take(Report{New: 3, Held: 2, HeldRates: held}, quote("2026-04-09", "TRY", "50"), held[0].Quotation, held[1].Quotation)
	s.now = s.now.Add(time.Minute)
	return s
}

func lira(day string) Decision {
	return Decision{Currency: "TRY", Source: SourceECB, Day: day, Actor: "usr_finance", Reason: "as in the news"}
}

func TestConfirm(t *testing.T) {
	s := holding(t, 5*time.Second)
	version := s.version()
	entry, err := s.Confirm(t.Context(), lira("2026-04-13"))
	if err != nil || entry.Status != InForce || !entry.ValidFrom.Equal(s.now.Add(5*time.Second)) || entry.ValidTo != nil {
		t.Fatalf("got %+v, %v", entry, err)
	}
	s.wantAt("TRY", s.now.Add(4*time.Second), "50")
	s.wantAt("TRY", s.now.Add(5*time.Second), "61")
	want := `rate TRY applied by usr_finance: as in the news {"day": "2026-04-13", "rate": "61", "source": "ecb", "status": "held"} ` +
		`{"day": "2026-04-13", "rate": "61", "source": "ecb", "status": "in_force", "valid_from": "2026-04-13T20:01:05Z"}`
	if got := s.audited(); got != want || s.version() != version+1 {
		t.Errorf("version %d, before %d; audited as\n%s, want\n%s", s.version(), version, got, want)
	}

	// The day before is right, too, but can no longer be in force.
	s.now = s.now.Add(time.Minute)
	entry, err = s.Confirm(t.Context(), lira("2026-04-10"))
	if err != nil || entry.Status != InForce || !entry.ValidTo.Equal(*entry.ValidFrom) {
		t.Fatalf("got %+v, %v", entry, err)
	}
	s.wantAt("TRY", s.now.Add(time.Hour), "61")

	// The next is compared with it.
	s.now = at(4, 14, 20)
	s.take(Report{New: 1}, quote("2026-04-14", "TRY", "62"))
}

// What is confirmed before its publication waits for it.
func TestConfirm_BeforePublication(t *testing.T) {
	s := holding(t, 0)
	s.now = at(4, 14, 10)
	held := HeldRate{quote("2026-04-14", "TRY", "62"), dec("50")}
	s.take(Report{New: 1, Held: 1, HeldRates: []HeldRate{held}}, held.Quotation)
	testkit.Must(s.Confirm(t.Context(), lira("2026-04-14")))(t)
	s.wantAt("TRY", at(4, 14, 14), "50")
	s.wantAt("TRY", at(4, 14, 15), "62")
	// The day before is in force until then.
	testkit.Must(s.Confirm(t.Context(), lira("2026-04-13")))(t)
	s.wantAt("TRY", at(4, 14, 14), "61")
	s.wantAt("TRY", at(4, 14, 15), "62")
}

func TestReject(t *testing.T) {
	s := holding(t, 0)
	entry, err := s.Reject(t.Context(), lira("2026-04-10"))
	if err != nil || entry.Status != Rejected || entry.ValidFrom != nil {
		t.Fatalf("got %+v, %v", entry, err)
	}
	if got := s.audited(); !strings.HasPrefix(got, "rate TRY rejected by usr_finance: as in the news {") {
		t.Errorf("audited as %s", got)
	}
	s.wantAt("TRY", s.now, "50")
	s.take(Report{Unchanged: 1}, quote("2026-04-10", "TRY", "60"))
	s.now = at(4, 14, 20)
	s.take(Report{New: 1}, quote("2026-04-14", "TRY", "51"))
}

func TestDecide_Refuses(t *testing.T) {
	s := holding(t, 0)
	testkit.Must(s.Reject(t.Context(), lira("2026-04-10")))(t)
	type decide func(context.Context, Decision) (Entry, error)
	tests := []struct {
		name   string
		decide decide
		day    string
		want   error
	}{
		{"confirm what is not there", s.Confirm, "2026-04-11", ErrNotFound},
		{"confirm what is in force", s.Confirm, "2026-04-09", ErrNotHeld},
		{"confirm what was rejected", s.Confirm, "2026-04-10", ErrNotHeld},
		{"reject what was rejected", s.Reject, "2026-04-10", ErrNotHeld},
		{"withdraw the bank's", s.WithdrawManual, "2026-04-09", ErrNotFound},
	}
	version := s.version()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := test.decide(t.Context(), lira(test.day)); !errors.Is(err, test.want) ||
				!strings.Contains(err.Error(), "TRY for "+test.day) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	var invalid *invalid.Error
	for _, d := range []Decision{
		{Currency: "TRY", Source: SourceECB, Day: "2026-04-13", Reason: "nobody's"},
		{Currency: "TRY", Source: SourceECB, Day: "2026-04-13", Actor: "usr_finance", Reason: "\n"},
		{Currency: "EUR", Source: SourceECB, Day: "2026-04-13", Actor: "usr_finance", Reason: "test"},
	} {
		if _, err := s.Confirm(t.Context(), d); !errors.As(err, &invalid) || len(invalid.Fields) != 1 {
			t.Errorf("%+v: got %v", d, err)
		}
	}
	if s.version() != version {
		t.Error("what was refused moved the rules' version")
	}
}
