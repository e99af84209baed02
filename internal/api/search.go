package api

import (
	"crypto/sha256"
	"encoding/base64"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"meridian/internal/catalog"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/search"
)

// loosenFilters is the value of the parameter loosen that lets filters be dropped where nothing fits them.
const loosenFilters = "filters"

// searchPosition is where a page of hits ended, and how the first page was loosened.
type searchPosition struct {
	Offset   int
	After    []byte `json:",omitzero"`
	Loosened string `json:",omitzero"`
}

// A searching is a search in progress: what was asked, and for whom prices are shown.
type searching struct {
	in    shown
	rules *pricing.Rules
	ask   pricing.Ask
	tree  *catalog.Tree
	search.Request
}

// searchProducts answers what shoppers look for.
func (s *Server) searchProducts(w http.ResponseWriter, r *http.Request) error {
	look, listing, err := s.readSearch(r)
	if err != nil {
		return err
	}
	found, err := s.Search.Search(r.Context(), look.Request)
	if err != nil {
		return err
	}
	answer, err := s.newSearchResponse(r.Context(), look, found)
	if err != nil {
		return err
	}
	if end := look.Offset + len(found.Hits); found.Partial == 0 && len(found.Hits) == look.Limit && end < min(found.Total, search.MaxWindow) {
		answer.NextCursor = nextCursor(s, listing, &searchPosition{Offset: end, After: found.Next, Loosened: string(found.Loosened)})
	}
	cachePublic(w, listingMaxAge)
	varyByShopper(w, true) // stock is that of the region, which the country decides
	return writeJSON(w, http.StatusOK, answer)
}

// readSearch reads what is searched for, and the name of the listing that cursors belong to.
func (s *Server) readSearch(r *http.Request) (look searching, listing string, err error) {
	q := newQuery(r)
	look.Text, look.Prefix = strings.TrimSpace(q.Text("q", search.MaxTextBytes)), q.Bool("prefix")
	filter := search.Filter{
		Category: q.Text("category", maxCategoryText), Brands: q.Texts("brand", search.MaxValues, maxBrandText), InStock: q.Bool("in_stock"),
	}
	low, high := q.Minor("min_price"), q.Minor("max_price")
	if low != nil && high != nil && *low > *high {
		q.fault("max_price", "must not be below min_price")
	}
	filter.MinRating = q.stars("min_rating")
	filter.Attributes = q.attributes("attribute")
	look.Facets = q.facets("facets")
	look.Shopper = callOf(r).addr.String()
	look.Sort = search.Sort(q.OneOf("sort", sortNames()...))
	look.LoosenFilters = q.OneOf("loosen", loosenFilters) != ""
	if err := s.readShopper(r, q, &look); err != nil {
		return look, "", err
	}
	if _, ok := look.tree.Get(filter.Category); !ok && filter.Category != "" {
		q.fault("category", unknownCategory)
	}
	if err := q.Err(); err != nil {
		return look, "", err
	}
	if filter.MinPrice, filter.MaxPrice, err = look.bounds(low, high); err != nil {
		return look, "", err
	}
	look.Filter = filter
	listing = "search " + listingOf(r.URL.Query()) + " " + look.ask.Market.Code
	page, err := readPage[searchPosition](s, r, listing)
	if err != nil {
		return look, "", err
	}
	at := page.Start()
	look.Limit = min(page.Limit, search.MaxWindow-at.Offset)
	look.Offset, look.After, look.Loosened = at.Offset, at.After, search.ParseLoosened(at.Loosened)
	return look, listing, nil
}

// readShopper finds out whose prices and words are meant.
func (s *Server) readShopper(r *http.Request, q *query, look *searching) (err error) {
	look.in = s.readShown(r, q)
	if err := q.Err(); err != nil {
		return err
	}
	if look.rules, err = s.Prices.Current(r.Context(), 0); err != nil {
		return err
	}
	if look.ask, err = look.in.ask(look.rules, s.Prices.Moment()); err != nil {
		return err
	}
	look.Market = look.ask.Market.Code
	spoken := s.locales.read(r.Header.Get("Accept-Language"))
	look.Language, look.OtherLanguages = spoken.first, spoken.others
	look.tree, err = s.Catalog.Categories(r.Context())
	return err
}

// bounds converts bounds of prices to the market's own currency, which the index knows: a shopper may ask in another.
func (l *searching) bounds(low, high *int64) (least, most *int64, err error) {
	convert := func(minor *int64) (*int64, error) {
		if minor == nil || l.ask.Currency == l.ask.Market.Currency {
			return minor, nil
		}
		amount, err := l.rules.Convert(money.New(*minor, l.ask.Currency), l.ask.Market.Currency, l.ask.At)
		return &amount.Minor, err
	}
	if least, err = convert(low); err != nil {
		return nil, nil, err
	}
	most, err = convert(high)
	return least, most, err
}

// listingOf tells one search from another, whatever its page: a digest, so that cursors stay short.
func listingOf(values url.Values) string {
	values.Del("cursor")
	values.Del("limit")
	sum := sha256.Sum256([]byte(values.Encode()))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

func sortNames() []string {
	names := make([]string, len(search.Sorts))
	for i, name := range search.Sorts {
		names[i] = string(name)
	}
	return names
}

// Minor returns the parameter as an amount in minor units, nil when it is absent.
func (q *query) Minor(name string) *int64 {
	text := q.Text(name, 20)
	if text == "" {
		return nil
	}
	const most = math.MaxInt64 / 1_000_000 // so that no conversion overflows
	minor, err := strconv.ParseInt(text, 10, 64)
	if err != nil || minor < 0 || minor > most {
		q.fault(name, "must be a whole number of minor units, such as 1299 for 12.99")
		return nil
	}
	return &minor
}

// stars returns the parameter, a number of stars from 1 to 5, in thousandths.
func (q *query) stars(name string) int64 {
	text := q.Text(name, 10)
	if text == "" {
		return 0
	}
	stars, err := strconv.ParseFloat(text, 64)
	if err != nil || !(stars >= 1 && stars <= 5) {
		q.fault(name, "must be a number of stars from 1 to 5, such as 4 or 3.5")
		return 0
	}
	return int64(math.Round(stars * 1000))
}

// attributes returns the parameter's values, each name=value, by name.
func (q *query) attributes(name string) map[string][]string {
	wanted := make(map[string][]string)
	for _, text := range q.Texts(name, search.MaxAttributes*search.MaxValues, search.MaxAttributeBytes) {
		attribute, value, ok := strings.Cut(text, search.AttributeSeparator)
		attribute = strings.ToLower(strings.TrimSpace(attribute))
		if !ok || attribute == "" || value == "" {
			q.fault(name, "must be a name and a value, such as colour=red")
			return nil
		}
		wanted[attribute] = append(wanted[attribute], value)
		if len(wanted) > search.MaxAttributes || len(wanted[attribute]) > search.MaxValues {
			q.fault(name, "must be at most "+strconv.Itoa(search.MaxAttributes)+" names with "+strconv.Itoa(search.MaxValues)+" values each")
			return nil
		}
	}
	return wanted
}

// facets returns the parameter, names of facets with commas between them.
func (q *query) facets(name string) []search.FacetKind {
	text := q.Text(name, 100)
	if text == "" {
		return nil
	}
	var wanted []search.FacetKind
	for one := range strings.SplitSeq(text, ",") {
		kind := search.FacetKind(strings.TrimSpace(one))
		if !slices.Contains(search.AllFacets, kind) {
			q.fault(name, "must be some of brand, category, price, attributes, with commas between them")
			return nil
		}
		if !slices.Contains(wanted, kind) {
			wanted = append(wanted, kind)
		}
	}
	return wanted
}
