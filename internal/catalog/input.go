package catalog

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"meridian/internal/invalid"
	"meridian/internal/money"
)

// ProductInput is a product as a seller wants it to be, whole: what it leaves out is empty
// afterwards, but for prices, which are never taken away.
type ProductInput struct {
	// Key is the seller's own name for it, 1 to 200 characters; empty takes the public id.
	// An update keeps the key, whatever this is.
	Key string
	// Title is 1 to 200 characters, one line.
	Title       string
	Description string
	Brand       string
	CategoryID  string
	// TaxCategory is TaxStandard when empty.
	TaxCategory TaxCategory
	// Status is Draft when empty.
	Status Status
	// Attributes hold JSON values: at most 64 names, three levels and 32 KiB.
	Attributes map[string]any
	Images     []Image
	// SKUs are 1 to 100, in the order in which they are shown.
	SKUs []SKUInput
}

// SKUInput is a SKU of a ProductInput.
type SKUInput struct {
	// Code is 1 to 64 letters, digits, dots, underscores and hyphens.
	Code        string
	Barcode     string
	Options     map[string]string
	WeightGrams int64
	// Prices are list prices of one unit in minor units, 0 to MaxPriceMinor.
	Prices map[money.Currency]int64
}

// MaxPriceMinor is the highest price of one unit, in minor units.
const MaxPriceMinor = 1_000_000_000_000

// Limits of a product, in characters where the name does not say otherwise.
const (
	maxKey            = 200
	maxTitle          = 200
	maxDescription    = 20_000
	maxBrand          = 100
	maxImages         = 50
	maxImageURL       = 2000
	maxImageAlt       = 500
	maxAttributes     = 64
	maxAttributeDepth = 3
	maxAttributeBytes = 32 << 10
	maxSKUs           = 100
	maxBarcode        = 64
	maxOptions        = 10
	maxOptionName     = 50
	maxOptionValue    = 200
	maxPrices         = 50
	maxWeightGrams    = 1_000_000_000
)

var skuPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Validate reports everything that is wrong with the product as *invalid.Error. That its
// category exists and its SKUs are free is found out by writing it.
func (in *ProductInput) Validate() error {
	var f invalid.List
	checkLine(&f, "key", in.Key, 0, maxKey)
	checkLine(&f, "title", in.Title, 1, maxTitle)
	checkText(&f, "description", in.Description, 0, maxDescription)
	checkLine(&f, "brand", in.Brand, 0, maxBrand)
	if !categoryIDPattern.MatchString(in.CategoryID) {
		f.Add("category", "must be the id of a category")
	}
	switch in.TaxCategory {
	case TaxStandard, TaxReduced, TaxZero, "":
	default:
		f.Add("tax_category", "must be standard, reduced or zero")
	}
	switch in.Status {
	case Draft, Active, Archived, "":
	default:
		f.Add("status", "must be draft, active or archived")
	}
	checkAttributes(&f, in.Attributes)
	checkImages(&f, in.Images)
	checkSKUs(&f, in.SKUs)
	return f.Err("product")
}

// withDefaults fills in what may be left out.
func (in ProductInput) withDefaults() ProductInput {
	if in.TaxCategory == "" {
		in.TaxCategory = TaxStandard
	}
	if in.Status == "" {
		in.Status = Draft
	}
	return in
}

// checkText wants least to most characters that the database can hold, not all of them space.
func checkText(f *invalid.List, field, text string, least, most int) {
	n := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		f.Add(field, "must be UTF-8 without NUL characters")
	case n > most:
		f.Add(field, "must be at most %d characters", most)
	case n < least || (least > 0 && strings.TrimSpace(text) == ""):
		f.Add(field, "must be %d to %d characters, not only spaces", least, most)
	}
}

// checkLine is checkText for a text of one line, without control characters.
func checkLine(f *invalid.List, field, text string, least, most int) {
	before := len(*f)
	checkText(f, field, text, least, most)
	if len(*f) == before && strings.ContainsFunc(text, unicode.IsControl) {
		f.Add(field, "must be one line without control characters")
	}
}

func checkAttributes(f *invalid.List, attributes map[string]any) {
	if len(attributes) > maxAttributes {
		f.Add("attributes", "must have at most %d names", maxAttributes)
		return
	}
	if wrong := attributeFault(attributes, 1); wrong != "" {
		f.Add("attributes", "%s", wrong)
		return
	}
	if text, err := encodeJSON(attributes); err != nil || len(text) > maxAttributeBytes {
		f.Add("attributes", "must be at most %d bytes of JSON", maxAttributeBytes)
	}
}

// attributeFault says what is wrong with a decoded JSON value at a depth, or "".
func attributeFault(value any, depth int) string {
	switch v := value.(type) {
	case nil, bool:
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "must hold finite numbers"
		}
	case string:
		if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return "must be UTF-8 without NUL characters"
		}
	case []any:
		for _, element := range v {
			if wrong := nestedFault(element, depth); wrong != "" {
				return wrong
			}
		}
	case map[string]any:
		for name, member := range v {
			if wrong := attributeFault(name, depth); wrong != "" {
				return wrong
			}
			if name == "" || len(name) > 100 {
				return "must have names of 1 to 100 bytes"
			}
			if wrong := nestedFault(member, depth); wrong != "" {
				return wrong
			}
		}
	default:
		return fmt.Sprintf("must hold JSON values, not %T", value)
	}
	return ""
}

func nestedFault(value any, depth int) string {
	switch value.(type) {
	case []any, map[string]any:
		if depth == maxAttributeDepth {
			return fmt.Sprintf("must nest at most %d levels", maxAttributeDepth)
		}
	}
	return attributeFault(value, depth+1)
}

func checkImages(f *invalid.List, images []Image) {
	if len(images) > maxImages {
		f.Add("images", "must be at most %d", maxImages)
		return
	}
	for i, image := range images {
		field := "images[" + strconv.Itoa(i) + "]"
		if !isImageURL(image.URL) {
			f.Add(field+".url", "must be an https URL, or a path such as /images/mug.jpg, of at most %d bytes", maxImageURL)
		}
		checkLine(f, field+".alt", image.Alt, 0, maxImageAlt)
	}
}

// isImageURL takes https URLs and paths on the shop's own host. "//host/…" is neither.
func isImageURL(text string) bool {
	if len(text) > maxImageURL || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsSpace) ||
		strings.ContainsAny(text, `\<>"`) {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil {
		return false
	}
	if u.Scheme == "https" {
		return u.Hostname() != ""
	}
	return u.Scheme == "" && u.Host == "" && u.Path != "" && !strings.HasPrefix(text, "//")
}

func checkSKUs(f *invalid.List, skus []SKUInput) {
	if len(skus) == 0 || len(skus) > maxSKUs {
		f.Add("skus", "must be 1 to %d", maxSKUs)
		return
	}
	first := make(map[string]int, len(skus))
	for i, sku := range skus {
		field := "skus[" + strconv.Itoa(i) + "]"
		if earlier, twice := first[sku.Code]; twice {
			f.Add(field+".sku", "is also skus[%d]: give each SKU once", earlier)
		}
		first[sku.Code] = i
		sku.check(f, field)
	}
}

func (sku SKUInput) check(f *invalid.List, field string) {
	if !skuPattern.MatchString(sku.Code) {
		f.Add(field+".sku", "must be 1 to 64 letters, digits, dots, underscores and hyphens")
	}
	checkLine(f, field+".barcode", sku.Barcode, 0, maxBarcode)
	if sku.WeightGrams < 0 || sku.WeightGrams > maxWeightGrams {
		f.Add(field+".weight_grams", "must be 0 to %d", maxWeightGrams)
	}
	if len(sku.Options) > maxOptions {
		f.Add(field+".options", "must be at most %d", maxOptions)
	}
	for name, value := range sku.Options {
		checkLine(f, field+".options", name, 1, maxOptionName)
		checkLine(f, field+".options."+name, value, 1, maxOptionValue)
	}
	if len(sku.Prices) > maxPrices {
		f.Add(field+".prices", "must be at most %d", maxPrices)
	}
	for currency, amount := range sku.Prices {
		if _, err := money.ParseCurrency(string(currency)); err != nil {
			f.Add(field+".prices", "must be in ISO 4217 currencies, such as EUR")
		}
		if amount < 0 || amount > MaxPriceMinor {
			f.Add(field+".prices."+string(currency), "must be 0 to %d minor units", int64(MaxPriceMinor))
		}
	}
}

// encodeJSON writes a value so that equal values are equal texts. Negative zero, which the
// database does not keep, is zero.
func encodeJSON(value any) (string, error) {
	text, err := json.Marshal(withoutNegativeZero(value), json.Deterministic(true))
	return string(text), err
}

func withoutNegativeZero(value any) any {
	switch v := value.(type) {
	case float64:
		return v + 0 // -0 + 0 is 0
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = withoutNegativeZero(element)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, member := range v {
			object[name] = withoutNegativeZero(member)
		}
		return object
	}
	return value
}
