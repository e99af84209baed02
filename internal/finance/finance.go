package finance

import (
	"cmp"
	"errors"
	"time"

	"meridian/internal/database"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
	"meridian/internal/promotion"
)

// The kinds of changes.
const (
	KindList      = "price_list"
	KindPrices    = "prices"
	KindRate      = "rate" // of exchange: package fx writes these
	KindMarket    = "market"
	KindStrategy  = "strategy" // several markets at once
	KindRounding  = "rounding"
	KindTax       = "tax"
	KindPromotion = "promotion"
	KindGroup     = "customer_group"
)

// Kinds lists every kind of change.
func Kinds() []string {
	return []string{KindList, KindPrices, KindRate, KindMarket, KindStrategy, KindRounding, KindTax, KindPromotion, KindGroup}
}

// The states of a change.
const (
	StatusPending  = changes.Pending
	StatusApplied  = changes.Applied
	StatusRejected = changes.Rejected
)

// Statuses lists every state of a change.
func Statuses() []string { return []string{StatusPending, StatusApplied, StatusRejected} }

var (
	// ErrNotFound is returned for a list, a change, a rule or an account that does not exist.
	ErrNotFound = changes.ErrNotFound
	// ErrExists is returned for a new list whose code is taken.
	ErrExists = errors.New("there is a price list with this code")
	// ErrVersionConflict is returned for a change of a list that has changed meanwhile.
	ErrVersionConflict = errors.New("the price list has changed since")
	// ErrOwnChange is returned for a change that is to be approved by who asked for it.
	ErrOwnChange = errors.New("a second person has to approve the change")
	// ErrDecided is returned for a change that was approved or rejected before.
	ErrDecided = errors.New("the change is decided")
	// ErrOvertaken is returned for a change that cannot be applied as it was proposed: others
	// changed the same in between, or the instant at which it was to begin has come.
	ErrOvertaken = errors.New("the change has been overtaken: propose it again")
	// ErrTooSlow is returned for a change that took too long to write.
	ErrTooSlow = errors.New("the change took too long to write: split it")
)

// ApproveAbove are the largest effects that one person may have alone. Zero fields take the
// defaults; negative ones mean that everything needs two.
type ApproveAbove struct {
	// ChangeBP is the largest rise or fall of a price, in basis points of what it was; 2000.
	ChangeBP int64
	// SKUs is the most SKUs that change; 500.
	SKUs int
}

func (a ApproveAbove) withDefaults() ApproveAbove {
	return ApproveAbove{ChangeBP: cmp.Or(a.ChangeBP, 2000), SKUs: cmp.Or(a.SKUs, 500)}
}

// everything reports whether all changes need two people.
func (a ApproveAbove) everything() bool { return a.ChangeBP < 0 || a.SKUs < 0 }

// Config is what Finance works with. DB and Prices must be set.
type Config struct {
	DB     *database.DB
	Prices *pricing.Pricer
	// ApproveAbove is from where on a change needs two people.
	ApproveAbove ApproveAbove
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Finance changes prices and their rules. It is safe for concurrent use.
type Finance struct {
	Config
	changes.Log
	Promotions promotion.Promotions
	within     time.Duration // writeWithin, but in tests
}

// New returns the finance of a database.
func New(config Config) *Finance {
	config.ApproveAbove = config.ApproveAbove.withDefaults()
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Finance{Config: config, Log: changes.NewLog(config.DB), Promotions: promotion.New(config.DB), within: writeWithin}
}

// moment returns now, as the database keeps it.
func (f *Finance) moment() time.Time { return database.Moment(f.Now()) }

// soon returns the earliest instant at which a change written now may be in force.
func (f *Finance) soon() time.Time { return f.moment().Add(f.Prices.Lead) }

// notice returns how long before its instant a change has to be written at the least: longer than
// any pod goes on with what it remembers.
func (f *Finance) notice() time.Duration {
	if f.Prices.Lead > pricing.MaxStaleness {
		return pricing.MaxStaleness
	}
	return 0
}

// latest returns until when what is in force from an instant on has to be written, by the
// database's clock; nil, for whenever, where there is no instant, or the shop has no lead.
func (f *Finance) latest(begins time.Time) *time.Time {
	if f.Prices.Lead == 0 || begins.IsZero() {
		return nil
	}
	at := begins.Add(-f.notice())
	return &at
}
