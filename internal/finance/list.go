package finance

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// ListInput is a new price list. Its kind, currency, market and group never change.
type ListInput struct {
	By
	Code, Title string
	Kind        pricing.Kind // regular, sale or cost
	Currency    money.Currency
	// Market and Group are whom it is for; empty is everybody.
	Market, Group string
	// Priority decides between lists that are equally specific: the higher first.
	Priority int64
	// From is when it comes into force, zero as soon as may be; To when it ends, zero never.
	From, To time.Time
}

// codeText is what lists, markets, rounding rules and customer groups are called.
var codeText = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

const maxPriority = 1_000_000

func (in *ListInput) validate(soon time.Time) error {
	var faults invalid.List
	in.check(&faults)
	switch {
	case !codeText.MatchString(in.Code):
		faults.Add("code", "must be 1 to 63 of a-z, 0-9 and -, such as summer-sale-eu")
	case strings.HasPrefix(in.Code, "catalogue"):
		faults.Add("code", "must not begin with catalogue: those lists are the sellers'")
	}
	in.Title = faults.Line("title", in.Title, 1, 200)
	if in.Kind != pricing.Regular && in.Kind != pricing.Sale && in.Kind != pricing.Cost {
		faults.Add("kind", "must be regular, sale or cost: catalogue lists are the sellers'")
	}
	if _, err := money.ParseCurrency(string(in.Currency)); err != nil {
		faults.Add("currency", "must be an ISO 4217 code, such as EUR")
	}
	checkGroup(&faults, in.Group)
	if in.Priority < -maxPriority || in.Priority > maxPriority {
		faults.Add("priority", "must be -%d to %d", maxPriority, maxPriority)
	}
	in.From, in.To = database.Moment(in.From), database.Moment(in.To)
	if !in.From.IsZero() && in.From.Before(soon) {
		faults.Add("valid_from", "%s", tooEarly(soon))
	}
	in.From = database.Later(in.From, soon)
	if !in.To.IsZero() && !in.To.After(in.From) {
		faults.Add("valid_to", "must be after valid_from")
	}
	return faults.Err("price list")
}

func checkGroup(f *invalid.List, group string) {
	if group != "" && !codeText.MatchString(group) {
		f.Add("customer_group", "must be 1 to 63 of a-z, 0-9 and -, such as wholesale, or empty")
	}
}

// tooEarly returns the remedy for an instant before the earliest one.
func tooEarly(soon time.Time) string {
	return fmt.Sprintf("must be %s or later, or left out for as soon as may be: what was in force is never changed",
		soon.Format(time.RFC3339Nano))
}

// CreateList makes a price list. Two round trips at most.
//
// Errors: *invalid.Error, ErrExists, *pricing.UnknownMarketError, for a repetition
// *idempotency.Replay or idempotency.ErrReused.
func (f *Finance) CreateList(ctx context.Context, in ListInput) (pricing.List, error) {
	if err := in.validate(f.soon()); err != nil {
		return pricing.List{}, err
	}
	if in.Market != "" {
		rules, err := f.rules(ctx)
		if err != nil {
			return pricing.List{}, err
		}
		if _, err := rules.Market(in.Market, in.From); err != nil {
			return pricing.List{}, err
		}
	}
	list := pricing.List{Code: in.Code, Title: in.Title, Kind: in.Kind, Currency: in.Currency, Market: in.Market, Group: in.Group,
		Priority: in.Priority, Period: pricing.Period{From: in.From, To: in.To}, Version: 1}
	change, err := f.newChange(KindList, in.Code, in.By, nil, newListRecord(list))
	if err != nil {
		return pricing.List{}, err
	}
	_, err = f.apply(ctx, in.By, change, in.Code, in.From, func(b *database.Batch) {
		pricing.QueuePutList(b, list, change.ID)
	})
	if pricing.ListChanged(err) {
		return pricing.List{}, ErrExists
	}
	if err != nil {
		return pricing.List{}, fmt.Errorf("create price list: %w", err)
	}
	return list, nil
}

// listRecord is a list as the audit keeps it.
type listRecord struct {
	Code      string         `json:"code"`
	Title     string         `json:"title"`
	Kind      pricing.Kind   `json:"kind"`
	Currency  money.Currency `json:"currency"`
	Market    string         `json:"market"`
	Group     string         `json:"customer_group"`
	Priority  int64          `json:"priority"`
	ValidFrom time.Time      `json:"valid_from"`
	ValidTo   *time.Time     `json:"valid_to,omitzero"`
	Version   int64          `json:"version"`
}

func newListRecord(l pricing.List) listRecord {
	return listRecord{Code: l.Code, Title: l.Title, Kind: l.Kind, Currency: l.Currency, Market: l.Market, Group: l.Group, Priority: l.Priority,
		ValidFrom: l.Period.From.UTC(), ValidTo: database.NullTime(l.Period.To), Version: l.Version}
}

// rules returns those of the database, now.
func (f *Finance) rules(ctx context.Context) (*pricing.Rules, error) {
	var rows pricing.RuleRows
	err := f.DB.Read(ctx, func(b *database.Batch) error {
		pricing.QueueRules(b, f.rulesSince(), &rows)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read price rules: %w", err)
	}
	return pricing.NewRules(rows), nil
}

// rulesIn returns those that a transaction sees.
func (f *Finance) rulesIn(ctx context.Context, tx pgx.Tx) (*pricing.Rules, error) {
	var rows pricing.RuleRows
	var b database.Batch
	pricing.QueueRules(&b, f.rulesSince(), &rows)
	if err := tx.SendBatch(ctx, &b.Batch).Close(); err != nil {
		return nil, fmt.Errorf("read price rules: %w", err)
	}
	return pricing.NewRules(rows), nil
}

// rulesSince returns how far back rules are read: to what is in force now.
func (f *Finance) rulesSince() time.Time { return f.Now().Add(-pricing.LowestWindow) }

// ListUpdate changes a list's head. Nil fields stay.
type ListUpdate struct {
	By
	Code    string
	Version int64 // that the change is based on
	Title   *string
	// To is when the list ends, at the earliest as soon as every pod knows; the zero time is never.
	To *time.Time
}

// UpdateList changes a list's title or its end. What has ended stays so. Two round trips.
//
// Errors: *invalid.Error, ErrNotFound, ErrVersionConflict, ErrOvertaken.
func (f *Finance) UpdateList(ctx context.Context, in ListUpdate) (pricing.List, error) {
	old, err := f.List(ctx, in.Code)
	if err != nil {
		return pricing.List{}, err
	}
	updated, err := in.apply(old, f.soon())
	if err != nil {
		return pricing.List{}, err
	}
	if old.Version != in.Version {
		return pricing.List{}, ErrVersionConflict
	}
	change, err := f.newChange(KindList, in.Code, in.By, newListRecord(old), newListRecord(updated))
	if err != nil {
		return pricing.List{}, err
	}
	var begins time.Time // a new title alone may come at any time
	if in.To != nil {
		begins = database.Earlier(old.Period.To, updated.Period.To)
	}
	_, err = f.apply(ctx, in.By, change, in.Code, begins, func(b *database.Batch) {
		pricing.QueueUpdateList(b, updated, change.ID)
	})
	if pricing.ListChanged(err) {
		return pricing.List{}, ErrVersionConflict
	}
	if err != nil {
		return pricing.List{}, fmt.Errorf("update price list: %w", err)
	}
	return updated, nil
}

// apply checks the change of a list, and returns the list as it is after it.
func (in *ListUpdate) apply(list pricing.List, soon time.Time) (pricing.List, error) {
	var faults invalid.List
	in.check(&faults)
	if list.Kind == pricing.Catalogue {
		faults.Add("code", "must not be a seller's catalogue")
	}
	if in.Title == nil && in.To == nil {
		faults.Add("title", "must be given, or valid_to: else there is nothing to change")
	}
	if in.Title != nil {
		list.Title = faults.Line("title", *in.Title, 1, 200)
	}
	if in.To != nil {
		to := database.Moment(*in.To)
		switch ended := list.Period.To; {
		case !ended.IsZero() && ended.Before(soon):
			faults.Add("valid_to", "must be left as it is: the list has ended, or is about to; make another")
		case !to.IsZero() && to.Before(database.Later(list.Period.From, soon)):
			faults.Add("valid_to", "%s", tooEarly(database.Later(list.Period.From, soon)))
		}
		list.Period.To = to
	}
	list.Version++
	return list, faults.Err("price list")
}

const listColumns = `code, title, kind, currency, market, customer_group, priority, valid_from, valid_to, version`

func scanList(row pgx.CollectableRow) (pricing.List, error) {
	var l pricing.List
	var to *time.Time
	err := row.Scan(&l.Code, &l.Title, &l.Kind, &l.Currency, &l.Market, &l.Group, &l.Priority, &l.Period.From, &to, &l.Version)
	l.Period.To = database.TimeOrZero(to)
	return l, err
}

// List returns the head of a price list, or ErrNotFound. One round trip.
func (f *Finance) List(ctx context.Context, code string) (pricing.List, error) {
	l, err := database.One(ctx, f.DB, scanList, `
SELECT `+listColumns+`
FROM `+pricing.ListsSQL+` l
WHERE l.code = $1`, code)
	if errors.Is(err, pgx.ErrNoRows) {
		return pricing.List{}, ErrNotFound
	}
	if err != nil {
		return pricing.List{}, fmt.Errorf("get price list: %w", err)
	}
	return l, nil
}

// Lists returns a page of the heads of price lists by code, which is their position. The catalogue's lists
// that hold no price are left out. One round trip.
func (f *Finance) Lists(ctx context.Context, filter database.PageFilter[string]) (database.Page[pricing.List, string], error) {
	lists, err := database.List(ctx, f.DB, scanList, `
SELECT `+listColumns+`
FROM `+pricing.ListsSQL+` l
WHERE l.code > $1 AND (l.kind <> 'catalogue' OR EXISTS (SELECT 1 FROM `+pricing.EntriesSQL+` e WHERE e.list = l.code))
ORDER BY l.code
LIMIT $2::int8`, filter.Start(), filter.Rows())
	if err != nil {
		return database.Page[pricing.List, string]{}, fmt.Errorf("list price lists: %w", err)
	}
	return database.NewPage(filter, lists, func(l pricing.List) string { return l.Code }), nil
}
