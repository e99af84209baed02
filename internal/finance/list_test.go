package finance

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/pricing"
	"meridian/internal/testkit"
)

func TestLists(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	made := s.list(t, "summer", pricing.Sale, func(in *ListInput) {
		in.Title, in.Market, in.Group, in.Priority, in.To = "  Summer sale ", "eu", "wholesale", 3, hours(48)
	})
	want := pricing.List{Code: "summer", Title: "Summer sale", Kind: pricing.Sale, Currency: "EUR", Market: "eu", Group: "wholesale",
		Priority: 3,
		Period:   pricing.Period{From: opening, To: hours(48)}, Version: 1}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, testkit.Must(s.List(ctx, "summer"))(t), equalTimes); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	if _, err := s.List(ctx, "winter"); !errors.Is(err, ErrNotFound) {
		t.Errorf("no list: %v", err)
	}

	before := s.image(t)
	if _, err := s.CreateList(ctx, ListInput{By: by("ada"), Code: "summer", Title: "Again", Kind: pricing.Regular,
		Currency: "EUR"}); !errors.Is(err, ErrExists) {
		t.Errorf("made twice: %v", err)
	}
	title, end := "Late summer", hours(72)
	for name, test := range map[string]struct {
		in   ListUpdate
		want error
	}{
		"of an older version": {ListUpdate{Code: "summer", Version: 9, Title: &title}, ErrVersionConflict},
		"of no list":          {ListUpdate{Code: "winter", Version: 1, Title: &title}, ErrNotFound},
	} {
		test.in.By = by("ada")
		if _, err := s.UpdateList(ctx, test.in); !errors.Is(err, test.want) {
			t.Errorf("an update %s: %v", name, err)
		}
	}
	s.wantUnchanged(t, before)

	updated := testkit.Must(s.UpdateList(ctx, ListUpdate{By: by("ben"), Code: "summer", Version: 1, Title: &title, To: &end}))(t)
	if updated.Version != 2 || updated.Title != title || !updated.Period.To.Equal(end) {
		t.Errorf("updated %+v", updated)
	}
	var codes []string
	s.list(t, "autumn", pricing.Regular)
	for _, l := range testkit.Must(s.Lists(ctx, database.PageFilter[string]{Limit: 10}))(t).Items {
		codes = append(codes, l.Code)
	}
	if diff := cmp.Diff([]string{"autumn", "catalogue-EUR", "summer"}, codes); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
	autumn := "autumn"
	if rest := testkit.Must(s.Lists(ctx, database.PageFilter[string]{After: &autumn, Limit: 1}))(t).Items; len(rest) != 1 ||
		rest[0].Code != "catalogue-EUR" {
		t.Errorf("the page after autumn: %+v", rest)
	}
}

// equalTimes compares times as moments.
var equalTimes = cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })

// TestLists_Audit: who, when, why, what it was and what it is.
func TestLists_Audit(t *testing.T) {
	s := newShop(t)
	s.list(t, "b2b", pricing.Regular, func(in *ListInput) { in.Group = "wholesale" })
	s.clock.Advance(time.Hour)
	title := "Business"
	testkit.Must(s.UpdateList(t.Context(), ListUpdate{By: by("ben"), Code: "b2b", Version: 1, Title: &title}))(t)
	changes := testkit.Must(s.Changes(t.Context(), ChangeFilter{Kind: KindList, Subject: "b2b",
		PageFilter: database.PageFilter[ChangePosition]{Limit: 10}}))(t).Items
	if len(changes) != 2 {
		t.Fatalf("%d changes in the audit", len(changes))
	}
	type told struct {
		By, Reason, Status string
		At                 time.Time
		Old, New           any
	}
	var got []told
	for _, c := range changes {
		entry := told{By: c.RequestedBy, Reason: c.Reason, Status: c.Status, At: c.RequestedAt}
		for raw, into := range map[*jsontext.Value]*any{&c.Old: &entry.Old, &c.New: &entry.New} {
			testkit.NoError(t, json.Unmarshal(*raw, into))
		}
		if c.DecidedAt == nil || c.DecidedBy != "" || c.NeedsApproval {
			t.Errorf("decided %+v", c)
		}
		got = append(got, entry)
	}
	record := func(title string, version float64) map[string]any {
		return map[string]any{"code": "b2b", "title": title, "kind": "regular", "currency": "EUR", "market": "", "customer_group": "wholesale",
			"priority": 0.0, "valid_from": "2026-05-01T12:00:00Z", "version": version}
	}
	want := []told{
		{"ben", "because ben says so", StatusApplied, hours(1), record("A list", 1), record("Business", 2)},
		{"ada", "because ada says so", StatusApplied, opening, map[string]any{}, record("A list", 1)},
	}
	if diff := cmp.Diff(want, got, equalTimes); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func TestCreateList_BadInput(t *testing.T) {
	s := newShop(t)
	before := s.image(t)
	good := ListInput{By: by("ada"), Code: "good", Title: "Good", Kind: pricing.Regular, Currency: "EUR"}
	for name, test := range map[string]struct {
		change func(*ListInput)
		field  string
	}{
		"no actor":              {func(in *ListInput) { in.Actor = "" }, "actor"},
		"no reason":             {func(in *ListInput) { in.Reason = " \t " }, "reason"},
		"two lines of reason":   {func(in *ListInput) { in.Reason = "because\nof" }, "reason"},
		"upper case":            {func(in *ListInput) { in.Code = "Good" }, "code"},
		"the sellers'":          {func(in *ListInput) { in.Code = "catalogue-eur" }, "code"},
		"no title":              {func(in *ListInput) { in.Title = "" }, "title"},
		"a seller's":            {func(in *ListInput) { in.Kind = pricing.Catalogue }, "kind"},
		"no currency":           {func(in *ListInput) { in.Currency = "XXX" }, "currency"},
		"a group with spaces":   {func(in *ListInput) { in.Group = "big buyers" }, "customer_group"},
		"a priority too high":   {func(in *ListInput) { in.Priority = 1 << 40 }, "priority"},
		"from before":           {func(in *ListInput) { in.From = opening.Add(-time.Second) }, "valid_from"},
		"ends before it begins": {func(in *ListInput) { in.From, in.To = hours(2), hours(1) }, "valid_to"},
		"ends where it begins":  {func(in *ListInput) { in.To = opening }, "valid_to"},
	} {
		t.Run(name, func(t *testing.T) {
			in := good
			test.change(&in)
			_, err := s.CreateList(t.Context(), in)
			wantFaults(t, err, test.field)
		})
	}
	good.Market = "narnia"
	if _, err := s.CreateList(t.Context(), good); !errors.As(err, new(*pricing.UnknownMarketError)) {
		t.Errorf("an unknown market: %v", err)
	}
	s.wantUnchanged(t, before)
}

// TestUpdateList_End: a list can be ended, and go on longer while it has not; what has ended has.
func TestUpdateList_End(t *testing.T) {
	s := newShop(t)
	s.list(t, "sale", pricing.Sale)
	s.set(t, "sale", price("A", 900))
	version := int64(1)
	end := func(at time.Time) error {
		l, err := s.UpdateList(t.Context(), ListUpdate{By: by("ada"), Code: "sale", Version: version, To: &at})
		if err == nil {
			version = l.Version
		}
		return err
	}
	testkit.Must(0, end(hours(10)))(t)
	testkit.Must(0, end(time.Time{}))(t)
	testkit.Must(0, end(hours(4)))(t)
	testkit.Must(0, end(hours(5)))(t)
	wantFaults(t, end(opening.Add(-time.Second)), "valid_to")
	s.clock.Set(hours(6))
	wantFaults(t, end(hours(10)), "valid_to")
	wantFaults(t, end(time.Time{}), "valid_to")
	for at, want := range map[time.Time]int64{hours(0): 900, hours(4): 900, hours(5): 1000, hours(7): 1000} {
		if got := s.unit(t, "A", 1, at); got != want {
			t.Errorf("at %s it costs %d, want %d", at, got, want)
		}
	}
	_, err := s.UpdateList(t.Context(), ListUpdate{By: by("ada"), Code: "catalogue-EUR", Version: 1, To: new(time.Time)})
	wantFaults(t, err, "code")
	_, err = s.UpdateList(t.Context(), ListUpdate{By: by("ada"), Code: "sale", Version: version})
	wantFaults(t, err, "title")
}

// TestRepeated: a call that comes again with its key changes nothing, and is told what it made.
func TestRepeated(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	key := func(name string) By {
		who := by("ada")
		who.Idempotency = idempotency.Key{Region: "eu-west", Scope: "finance:ada", Key: name, Fingerprint: []byte(name)}
		return who
	}
	s.list(t, "regular", pricing.Regular)
	calls := map[string]func() error{
		"list": func() error {
			_, err := s.CreateList(ctx, ListInput{By: key("list"), Code: "again", Title: "Again", Kind: pricing.Regular, Currency: "EUR"})
			return err
		},
		"prices": func() error {
			_, err := s.SetPrices(ctx, PricesInput{By: key("prices"), List: "regular", Lines: numbered(price("A", 990))})
			return err
		},
		"pending": func() error {
			_, err := s.SetPrices(ctx, PricesInput{By: key("pending"), List: "regular", Lines: numbered(price("B", 1))})
			return err
		},
		"rule": func() error {
			_, err := s.SetRule(ctx, &RoundingRule{Name: "fives", ModulusMinor: 5, Mode: "half_up"}, time.Time{}, key("rule"))
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			testkit.Must(0, call())(t)
			before := s.image(t)
			s.clock.Advance(time.Minute)
			var replay *idempotency.Replay
			err := call()
			if said := name == "prices"; said && err != nil { // the list says so already
				t.Errorf("the second time: %v", err)
			} else if !said && (!errors.As(err, &replay) || replay.Answer.Resource == "") {
				t.Errorf("the second time: %v", err)
			}
			s.wantUnchanged(t, before)
		})
	}
}
