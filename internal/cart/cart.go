package cart

import (
	"context"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/shipping"
	"meridian/regions"
)

// MaxQuantity is the most units one line may hold; the constraint
// cart_lines_quantity_allowed says the same.
const MaxQuantity = 10_000

// The states of a cart. Only an open one can be changed.
const (
	StatusOpen    = "open"
	StatusOrdered = "ordered" // it became an order
	StatusMerged  = "merged"  // its lines moved to a customer's cart
)

// Cart is a cart with its lines as they are now: the prices they depend on, the stock of all regions.
type Cart struct {
	Ref regions.Ref
	// Account is the customer whose cart it is; nil for a guest's.
	Account  *regions.Ref
	Currency money.Currency
	// Country is where the goods would go, ISO 3166-1 alpha-2: totals are estimated for it.
	Country string
	Buyer
	// Coupons are the codes that the shopper entered, in upper case.
	Coupons   []string
	Status    string
	Version   int64
	Lines     []Line // in the order they were added
	CreatedAt time.Time
	UpdatedAt time.Time
	ExpiresAt time.Time

	rules int64 // the version of the price rules that there were when the cart was read
}

// Buyer is what prices depend on of who buys. The zero Buyer is a guest.
type Buyer struct {
	// Group is the customer's group, whose price lists count; empty for everybody else.
	Group string
	// FirstOrder is true of a customer who has not ordered before.
	FirstOrder bool
}

// Line is one SKU in a cart.
type Line struct {
	SKU       string
	ProductID uuid.UUID
	Title     string
	Slug      string
	ImageURL  string // "" if the product has no picture
	Options   map[string]string
	Quantity  int64
	// Article is what the price depends on.
	Article pricing.PricedSKU
	// Sellable is false when the SKU or its product is no longer sold.
	Sellable bool
	// Available is the number of units for sale, over all regions.
	Available int64
	AddedAt   time.Time
}

// Availability tells a shopper whether a line can be had.
type Availability string

// The answers to "can I have it".
const (
	InStock    Availability = "in_stock" // the quantity can be had
	LowStock   Availability = "low"      // few are left, or fewer than the line asks for
	OutOfStock Availability = "out"      // nothing is left, or it is no longer sold
)

// lowStock is the number of units at which a shopper is told to be quick.
const lowStock = 5

// Availability returns how the line compares with what is for sale.
func (l Line) Availability() Availability {
	switch {
	case !l.Sellable || l.Available <= 0:
		return OutOfStock
	case l.Available <= lowStock || l.Available < l.Quantity:
		return LowStock
	}
	return InStock
}

// OwnedBy reports whether the cart is the account's, or a guest's where account is nil.
func (c Cart) OwnedBy(account *regions.Ref) bool {
	if c.Account == nil || account == nil {
		return c.Account == account
	}
	return *c.Account == *account
}

// Config is what Carts works with. The first four fields must be set.
type Config struct {
	DB       *database.DB
	Regions  *regions.Set
	Prices   *pricing.Pricer
	Shipping *shipping.Table
	// MaxLines is the most lines a cart may have. Default 100.
	MaxLines int
	// GuestLife and CustomerLife are how long a cart lasts after its last change. Default 30
	// and 90 days.
	GuestLife, CustomerLife time.Duration
	// OrderedSQL returns SQL that tells whether an account has ordered, given SQL for its region
	// and its id. By default nobody has.
	OrderedSQL func(region, account string) string
	// Together bounds how new carts share transactions; zero takes the defaults.
	Together database.GroupLimits
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.MaxLines == 0 {
		c.MaxLines = 100
	}
	if c.GuestLife == 0 {
		c.GuestLife = 30 * 24 * time.Hour
	}
	if c.CustomerLife == 0 {
		c.CustomerLife = 90 * 24 * time.Hour
	}
	if c.OrderedSQL == nil {
		c.OrderedSQL = func(string, string) string { return "false" }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Carts reads and changes the shop's carts. It is safe for concurrent use.
type Carts struct {
	Config
	fillings *database.Shared[*filling]
}

// New returns the carts of a database.
func New(config Config) *Carts {
	c := &Carts{Config: config.withDefaults()}
	c.fillings = database.Share(database.NewGroup(c.Together), database.Work[*filling]{
		Conflict: func(f *filling) any { return f.ref },
		Write:    c.writeFillings,
	})
	return c
}

// life returns how long a cart of that owner lasts.
func (c *Carts) life(account *regions.Ref) time.Duration {
	if account == nil {
		return c.GuestLife
	}
	return c.CustomerLife
}

// owner returns an account as the arguments account_region and account_id: NULLs for a guest.
func owner(account *regions.Ref) (region *string, id *uuid.UUID) {
	if account == nil {
		return nil, nil
	}
	return &account.Region, &account.ID
}

// publicID returns a cart's public id, crt_….
func (c *Carts) publicID(ref regions.Ref) string { return c.Regions.FormatID(regions.CartPrefix, ref) }

// SweepOnce deletes up to limit carts of this process's region that have expired, with
// their lines, and returns how many.
func (c *Carts) SweepOnce(ctx context.Context, limit int) (int, error) {
	return database.SweepExpired(ctx, c.DB, "carts", "region, id", c.Now(), limit)
}
