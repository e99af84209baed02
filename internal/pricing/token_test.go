package pricing

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/money"
	"meridian/internal/testkit"
)

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }

var testKey = []byte(strings.Repeat("k", 32))

func drawTerms(rt *rapid.T) Terms {
	word := rapid.StringMatching(`[a-z0-9]{0,6}`)
	return Terms{
		At:      noon(today).Add(time.Duration(rapid.Int64Range(0, 1e15).Draw(rt, "at")) * time.Microsecond),
		Expires: noon(today).Add(time.Duration(rapid.Int64Range(1, 1e9).Draw(rt, "expires")) * time.Microsecond),
		Market:  word.Draw(rt, "market"), Currency: money.Currency(rapid.SampledFrom([]string{"EUR", "JPY"}).Draw(rt, "currency")),
		Group: word.Draw(rt, "group"), Country: "DE", State: word.Draw(rt, "state"), Goods: rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt,
			"goods"),
	}
}

// TestQuoteID: a quote id is read as it was written, until it expires; with any character
// changed, taken out or added, or by another key, it is none.
func TestQuoteID(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		terms := drawTerms(rt)
		id := testkit.Must(terms.sign(testKey))(rt)
		got, err := readTerms(testKey, id, terms.Expires.Add(-time.Nanosecond))
		if diff := cmp.Diff(terms, got); diff != "" || err != nil {
			rt.Fatalf("%v (-written +read):\n%s", err, diff)
		}
		if got, err = readTerms(testKey, id, terms.Expires); !errors.Is(err, ErrQuoteExpired) || !got.Expires.Equal(terms.Expires) {
			rt.Fatalf("expired: %+v, %v", got, err)
		}
		i := rapid.IntRange(0, len(id)-1).Draw(rt, "place")
		flipped := []byte(id)
		flipped[i] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		for what, forged := range map[string]string{"flipped": string(flipped), "shorter": id[:i] + id[i+1:], "longer": id[:i] + "A" + id[i:]} {
			if forged == id {
				continue
			}
			if _, err := readTerms(testKey, forged, terms.At); !errors.Is(err, ErrQuoteInvalid) {
				rt.Fatalf("%s at %d: %v", what, i, err)
			}
		}
		if _, err := readTerms([]byte(strings.Repeat("o", 32)), id, terms.At); !errors.Is(err, ErrQuoteInvalid) {
			rt.Fatalf("another key: %v", err)
		}
	})
}

// TestQuoteID_EveryCharacter flips every bit of one id.
func TestQuoteID_EveryCharacter(t *testing.T) {
	for _, group := range []string{"", "b", "bb"} { // so that the last character holds 6, 4 and 2 bits
		terms := Terms{At: noon(today), Expires: noon("2030-01-01"), Market: "eu", Currency: "EUR", Country: "DE", Group: group}
		id := testkit.Must(terms.sign(testKey))(t)
		for i := range len(id) * 8 {
			flipped := []byte(id)
			flipped[i/8] ^= 1 << (i % 8)
			if _, err := readTerms(testKey, string(flipped), noon(today)); !errors.Is(err, ErrQuoteInvalid) {
				t.Errorf("bit %d of character %d: %v", i%8, i/8, err)
			}
		}
	}
}

func TestQuoteID_Nonsense(t *testing.T) {
	for _, id := range []string{"", "quo_", "quo_AAAA", "ord_euw_1", QuotePrefix + strings.Repeat("A", 5000)} {
		if _, err := readTerms(testKey, id, noon(today)); !errors.Is(err, ErrQuoteInvalid) {
			t.Errorf("%.20q: %v", id, err)
		}
	}
}

// TestGoodsDigest: it stands for the goods and the coupons, however they are ordered.
func TestGoodsDigest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		wanted := rapid.Custom(func(rt *rapid.T) Wanted {
			return Wanted{SKU: rapid.StringMatching(`[AB]{1,2}`).Draw(rt, "sku"), Quantity: rapid.Int64Range(1, 3).Draw(rt, "quantity")}
		})
		goods := rapid.SliceOfN(wanted, 0, 5).Draw(rt, "goods")
		coupons := rapid.SliceOfNDistinct(rapid.StringMatching(`[AB]{1,2}`), 0, 3, rapid.ID).Draw(rt, "coupons")
		digest := GoodsDigest(goods, coupons)
		again := GoodsDigest(rapid.Permutation(goods).Draw(rt, "shuffled goods"), rapid.Permutation(coupons).Draw(rt, "shuffled coupons"))
		if diff := cmp.Diff(digest, again); diff != "" {
			rt.Fatalf("the order matters (-want +got):\n%s", diff)
		}
		for what, other := range map[string][]byte{
			"one more coupon": GoodsDigest(goods, append([]string{"C"}, coupons...)),
			"one more SKU":    GoodsDigest(append([]Wanted{{"C", 1}}, goods...), coupons),
		} {
			if cmp.Equal(digest, other) {
				rt.Fatalf("%s makes no difference", what)
			}
		}
		if len(goods) > 0 {
			more := append([]Wanted(nil), goods...)
			more[0].Quantity += 10
			if cmp.Equal(digest, GoodsDigest(more, coupons)) {
				rt.Fatal("the quantity makes no difference")
			}
		}
	})
}
