package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bojanz/currency"
	"github.com/maypok86/otter/v2"
	"golang.org/x/text/language"

	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/regions"
)

// shown says for whom prices are shown: the market and the currency of where the shopper is, as the edge says, unless
// the query names others; and the language that numbers are written in.
type shown struct {
	market   string // empty for the country's
	country  string
	currency money.Currency // empty for the market's
	locale   string
	// byCountry says that what is shown depends on the country that the edge found out, not on the query alone.
	byCountry bool
}

const maxMarketText = 40

// readShown reads market, currency and country from the query, and the language from Accept-Language.
func (s *Server) readShown(r *http.Request, q *query) shown {
	in, wrong := s.shownTo(r, q.Word("market", maxMarketText), q.Word("country", 2))
	q.fixes = append(q.fixes, wrong...)
	if code := q.Word("currency", 3); code != "" {
		c, err := money.ParseCurrency(code)
		if err != nil {
			q.fault("currency", err.Error())
		}
		in.currency = c
	}
	return in
}

// shownTo returns for whom prices are shown, by the market and the country that were named, if any; and what is wrong with
// these. Its currency is what is paid in the market that was named, else in the country.
func (s *Server) shownTo(r *http.Request, market, country string) (in shown, wrong []FieldError) {
	in = shown{market: market, country: country, locale: s.locales.match(r.Header.Get("Accept-Language"))}
	in.byCountry = market == "" && country == ""
	if country == "" {
		in.country = s.countryOf(r)
	} else if !s.Shipping.Serves(country) {
		wrong = append(wrong, FieldError{Field: "country", Message: "must be an ISO 3166-1 code in upper case, such as IE"})
	}
	if market == "" {
		in.currency = money.Currency(s.Regions.CurrencyOf(in.country))
	}
	return in, wrong
}

// ask returns the question to the rules of a moment. It fails with *pricing.UnknownMarketError.
func (in shown) ask(rules *pricing.Rules, at time.Time) (ask pricing.Ask, err error) {
	ask = pricing.Ask{Currency: in.currency, At: at}
	if in.market != "" {
		ask.Market, err = rules.Market(in.market, at)
	} else {
		ask.Market, err = rules.MarketOf(in.country, at)
	}
	if err == nil && ask.Currency == "" {
		ask.Currency = ask.Market.Currency
	}
	return ask, err
}

// marketCurrency returns the currency of the question's market where prices are asked for in another; else it is empty.
// Every answer with such prices tells it.
func marketCurrency(ask pricing.Ask) money.Currency {
	if ask.Currency == ask.Market.Currency {
		return ""
	}
	return ask.Market.Currency
}

// locales are the languages that prices are written in: those of the shop's regions.
type locales struct {
	matcher    language.Matcher
	tags       []language.Tag
	formatters sync.Map // *currency.Formatter by tag; as many as there are tags
	accepted   *otter.Cache[string, acceptance]
}

// acceptance is what an Accept-Language header says.
type acceptance struct {
	locale string   // the language that prices are written in
	first  string   // the base tag of the language that searches are in
	others []string // those of further languages
}

// maxAccepted bounds the headers that are remembered: reading one takes longer than most other work of a request.
const maxAccepted = 2000

func newLocales(set *regions.Set) *locales {
	names := []string{"en"}
	for _, region := range set.All() {
		for _, name := range region.Languages {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	l := &locales{accepted: otter.Must(&otter.Options[string, acceptance]{MaximumSize: maxAccepted})}
	for _, name := range names {
		if tag, err := language.Parse(name); err == nil {
			l.tags = append(l.tags, tag)
		}
	}
	l.matcher = language.NewMatcher(l.tags)
	return l
}

// maxAcceptLanguage bounds what is parsed of a header.
const maxAcceptLanguage = 200

// match returns the language that suits a shopper best.
func (l *locales) match(acceptLanguage string) string { return l.read(acceptLanguage).locale }

// read returns what a header says. Each header is parsed once.
func (l *locales) read(acceptLanguage string) acceptance {
	if len(acceptLanguage) > maxAcceptLanguage {
		acceptLanguage = ""
	}
	if known, ok := l.accepted.GetIfPresent(acceptLanguage); ok {
		return known
	}
	a := acceptance{locale: l.tags[0].String()}
	if acceptLanguage != "" {
		_, i := language.MatchStrings(l.matcher, acceptLanguage)
		a.locale = l.tags[i].String()
	}
	if all := accepted(acceptLanguage); len(all) > 0 {
		a.first, a.others = all[0], all[1:]
	} else {
		a.first, _, _ = strings.Cut(a.locale, "-")
	}
	l.accepted.Set(acceptLanguage, a)
	return a
}

// maxLanguages is the number of languages of a shopper that count in a search.
const maxLanguages = 3

// accepted returns the base tags of the languages that a shopper accepts, best first.
func accepted(acceptLanguage string) []string {
	tags, weights, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return nil
	}
	var all []string
	for i, tag := range tags {
		base, _ := tag.Base()
		if code := base.String(); weights[i] > 0 && code != "mul" && code != "und" && !slices.Contains(all, code) && len(all) < maxLanguages {
			all = append(all, code)
		}
	}
	return all
}

// format writes an amount as people of that language do: "12,50 €" in German (CLDR, by bojanz/currency).
func (l *locales) format(locale string, minor int64, c money.Currency) string {
	formatter, known := l.formatters.Load(locale)
	if !known {
		formatter, _ = l.formatters.LoadOrStore(locale, currency.NewFormatter(currency.NewLocale(locale)))
	}
	amount, err := currency.NewAmountFromInt64(minor, string(c))
	if err != nil {
		return money.New(minor, c).String()
	}
	return formatter.(*currency.Formatter).Format(amount)
}

// knownMarkets names the markets that there are.
func knownMarkets(err error, p *Problem) {
	var unknown *pricing.UnknownMarketError
	if errors.As(err, &unknown) {
		p.Errors = []FieldError{{Field: "market", Message: "must be one of " + strings.Join(unknown.Known, ", ")}}
	}
}
