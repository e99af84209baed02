package pricing

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"meridian/internal/money"
)

// QuotePrefix begins the id of every quote.
const QuotePrefix = "quo_"

// maxQuoteID bounds an id that is looked at, in bytes.
const maxQuoteID = 4096

var (
	// ErrQuoteInvalid is returned for a quote id that this shop did not give out.
	ErrQuoteInvalid = errors.New("this is not a quote of this shop")
	// ErrQuoteExpired is returned for a quote whose time is over.
	ErrQuoteExpired = errors.New("the quote has expired")
)

// Terms are what a quote promises: the prices of a moment, to whom, for what, until when.
// The id of a quote is its terms, signed; nothing is stored. Since every past price can be
// worked out, the moment is all that it takes to keep the promise.
type Terms struct {
	At       time.Time      `json:"a"`
	Expires  time.Time      `json:"e"`
	Market   string         `json:"m"`
	Currency money.Currency `json:"c"`
	Group    string         `json:"g,omitempty"`
	Country  string         `json:"o"`
	State    string         `json:"s,omitempty"`
	// Goods stands for the SKUs, quantities and coupons (GoodsDigest).
	Goods []byte `json:"d"`
}

// Wanted is how many units of a SKU.
type Wanted struct {
	SKU      string
	Quantity int64
}

// GoodsDigest stands for goods and coupons, in whatever order: equal for equal ones.
func GoodsDigest(goods []Wanted, coupons []string) []byte {
	sorted := slices.Clone(goods)
	slices.SortFunc(sorted, func(a, b Wanted) int {
		return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Quantity, b.Quantity))
	})
	hash := sha256.New()
	var number [8]byte
	write := func(text string) {
		binary.BigEndian.PutUint64(number[:], uint64(len(text)))
		hash.Write(number[:])
		hash.Write([]byte(text))
	}
	for _, w := range sorted {
		write(w.SKU)
		binary.BigEndian.PutUint64(number[:], uint64(w.Quantity))
		hash.Write(number[:])
	}
	write("") // no SKU is empty: goods end, coupons begin
	for _, coupon := range slices.Sorted(slices.Values(coupons)) {
		write(coupon)
	}
	return hash.Sum(nil)[:16]
}

// sign returns the quote id of terms.
func (t Terms) sign(key []byte) (string, error) {
	body, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	return QuotePrefix + base64.RawURLEncoding.EncodeToString(append(mac(key, body), body...)), nil
}

// readTerms returns the terms of a quote id. It fails with ErrQuoteInvalid or, with the terms,
// with ErrQuoteExpired.
func readTerms(key []byte, id string, now time.Time) (Terms, error) {
	text, ours := strings.CutPrefix(id, QuotePrefix)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if !ours || len(id) > maxQuoteID || strings.ContainsAny(text, "\r\n") || err != nil || len(raw) < sha256.Size ||
		!hmac.Equal(raw[:sha256.Size], mac(key, raw[sha256.Size:])) {
		return Terms{}, ErrQuoteInvalid
	}
	var t Terms
	if err := json.Unmarshal(raw[sha256.Size:], &t); err != nil {
		return Terms{}, ErrQuoteInvalid
	}
	if !now.Before(t.Expires) {
		return t, ErrQuoteExpired
	}
	return t, nil
}

func mac(key, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("quote 1\n"))
	h.Write(body)
	return h.Sum(nil)
}
