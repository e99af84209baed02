package search

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/internal/invalid"
)

// ID identifies a product.
type ID = uuid.UUID

// A Rule is an operator's instruction for searches: which products come first (Pin), count for more (Boost) or are not
// shown (Hide), or where the shopper is sent (Redirect). Its JSON form is the column definition of search_rules.
type Rule struct {
	ID string `json:"-"`
	// Texts are the search texts that the rule applies to, ignoring case and spacing; see Contains. None means every
	// search.
	Texts []string `json:"texts,omitempty"`
	// Contains makes a text match if it has all words of one of Texts; otherwise it must equal one.
	Contains bool `json:"contains,omitempty"`
	// Regions are the regions whose shoppers the rule is for; none means all.
	Regions []string `json:"regions,omitempty"`
	// Pin are the products that come first, in this order, whether or not they match the text. Filters apply to them.
	Pin []ID `json:"pin,omitempty"`
	// Hide are products that are not found.
	Hide  []ID    `json:"hide,omitempty"`
	Boost []Boost `json:"boost,omitempty"`
	// Redirect is where the shopper is sent: a path of the shop or an https URL. The hits are answered too.
	Redirect string `json:"redirect,omitempty"`
	// From and To are when the rule is in force; the zero time is open.
	From time.Time `json:"valid_from,omitzero"`
	To   time.Time `json:"valid_to,omitzero"`
	Note string    `json:"note,omitempty"`
	// Version counts edits, from 1; UpdatedBy is the public id of the last editor.
	Version   int64     `json:"-"`
	UpdatedBy string    `json:"-"`
	UpdatedAt time.Time `json:"-"`
}

// A Boost raises or lowers the score of the products that match all of Products, Brand and Category that are set.
type Boost struct {
	Products []ID   `json:"product_ids,omitempty"`
	Brand    string `json:"brand,omitempty"`
	// Category is a category's id; it matches the products directly in it, not below it.
	Category string `json:"category,omitempty"`
	// Percent multiplies a hit's score: 200 doubles it, 50 halves it; 1 to 1000.
	Percent int64 `json:"percent"`
}

// Bounds of rules.
const (
	MaxRules      = 500
	maxRuleTexts  = 50
	maxRulePins   = 20
	maxRuleHides  = 100
	maxRuleBoosts = 10
	maxRuleNote   = 500
	maxRuleID     = 64
)

// Validate returns an *invalid.Error that names every invalid field, or nil.
func (r Rule) Validate(regions []string) error {
	var wrong invalid.List
	check := func(ok bool, field, remedy string) {
		if !ok {
			wrong.Add(field, "%s", remedy)
		}
	}
	check(validRuleID(r.ID), "code", fmt.Sprintf("must be 1 to %d lower-case letters, digits and hyphens", maxRuleID))
	check(len(r.Texts) <= maxRuleTexts, "texts", fmt.Sprintf("must be at most %d", maxRuleTexts))
	for i, text := range r.Texts {
		check(len(words(text)) > 0 && len(text) <= MaxTextBytes,
			fmt.Sprintf("texts[%d]", i), fmt.Sprintf("must be words, %d bytes at most", MaxTextBytes))
	}
	for i, region := range r.Regions {
		check(slices.Contains(regions, region), fmt.Sprintf("regions[%d]", i), "must be one of "+strings.Join(regions, ", "))
	}
	check(len(r.Pin) <= maxRulePins, "pin", fmt.Sprintf("must be at most %d products", maxRulePins))
	check(len(r.Hide) <= maxRuleHides, "hide", fmt.Sprintf("must be at most %d products", maxRuleHides))
	check(len(r.Boost) <= maxRuleBoosts, "boost", fmt.Sprintf("must be at most %d", maxRuleBoosts))
	for i, b := range r.Boost {
		field := fmt.Sprintf("boost[%d]", i)
		check(b.Percent >= 1 && b.Percent <= 1000, field+".percent", "must be from 1 to 1000; 100 changes nothing")
		check(len(b.Products) > 0 || b.Brand != "" || b.Category != "", field, "must name product_ids, a brand or a category")
		check(len(b.Products) <= maxRuleHides, field+".product_ids", fmt.Sprintf("must be at most %d products", maxRuleHides))
	}
	check(r.Redirect == "" || validRedirect(r.Redirect), "redirect", "must be a path such as /c/christmas, or an https URL")
	check(r.Redirect == "" || len(r.Texts) > 0, "texts", "must be given with a redirect: else every search would go there")
	check(len(r.Pin)+len(r.Hide)+len(r.Boost) > 0 || r.Redirect != "", "pin", "give at least one of pin, hide, boost and redirect")
	check(r.From.IsZero() || r.To.IsZero() || r.From.Before(r.To), "valid_to", "must be after valid_from")
	check(len(r.Note) <= maxRuleNote, "note", fmt.Sprintf("must be at most %d bytes", maxRuleNote))
	return wrong.Err("search rule")
}

func validRuleID(id string) bool {
	return id != "" && len(id) <= maxRuleID && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// validRedirect reports whether a target is a path of the shop or an https URL. It rejects scripts, and "//host", which
// would send shoppers to another site by mistake.
func validRedirect(target string) bool {
	u, err := url.Parse(target)
	if err != nil || len(target) > 1000 || strings.ContainsAny(target, "\\\r\n\t ") {
		return false
	}
	if u.Scheme == "" {
		return u.Host == "" && strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//")
	}
	return u.Scheme == "https" && u.Host != "" && u.User == nil
}

// applies reports whether the rule applies to a text, in a region, at a moment.
func (r *Rule) applies(text string, region string, at time.Time) bool {
	if len(r.Regions) > 0 && !slices.Contains(r.Regions, region) || at.Before(r.From) || !r.To.IsZero() && !at.Before(r.To) {
		return false
	}
	if len(r.Texts) == 0 {
		return true
	}
	whole := normal(text)
	has := words(whole)
	missing := func(word string) bool { return !slices.Contains(has, word) }
	return slices.ContainsFunc(r.Texts, func(wanted string) bool {
		if !r.Contains {
			return normal(wanted) == whole
		}
		return !slices.ContainsFunc(words(wanted), missing)
	})
}

// ruleEffects are the combined effects of all rules that apply to one search.
type ruleEffects struct {
	ids         []string
	pins, hides []ID
	boosts      []Boost
	redirect    string
}

// add adds the effects of a rule, as far as the bounds leave room.
func (e *ruleEffects) add(r *Rule) {
	e.ids = append(e.ids, r.ID)
	for _, id := range r.Pin {
		if !slices.Contains(e.pins, id) && len(e.pins) < maxRulePins {
			e.pins = append(e.pins, id)
		}
	}
	for _, id := range r.Hide {
		if !slices.Contains(e.hides, id) && len(e.hides) < MaxExcluded-maxRulePins {
			e.hides = append(e.hides, id)
		}
	}
	e.boosts = append(e.boosts, r.Boost...)
	if e.redirect == "" {
		e.redirect = r.Redirect
	}
}

// hide returns the query without the hidden products.
func (e ruleEffects) hide(q Query) Query {
	q.Filter.Exclude = append(slices.Clip(q.Filter.Exclude), e.hides...)
	return q
}

// reorder reports whether the rules put hits in another order.
func (e ruleEffects) reorder() bool { return len(e.pins)+len(e.boosts) > 0 }

// score returns a hit's score with the boosts applied.
func (e ruleEffects) score(h Hit) float64 {
	score := h.Score
	for _, b := range e.boosts {
		if (len(b.Products) == 0 || slices.Contains(b.Products, h.Document.ID)) &&
			(b.Brand == "" || b.Brand == h.Document.Brand) && (b.Category == "" || b.Category == h.Document.CategoryID) {
			score *= float64(b.Percent) / 100
		}
	}
	return score
}
