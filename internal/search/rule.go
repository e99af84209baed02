package search

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/internal/invalid"
)

// ID names a product.
type ID = uuid.UUID

// A Rule is what operators say about the searches for some texts: which products come first (Pin), count for more
// (Boost), are not shown (Hide), or where the shopper goes instead (Redirect).
type Rule struct {
	ID string
	// Texts are what it is about, compared without regard to case and spaces: whole texts, or words that a text has.
	// None: every search.
	Texts []string
	// Contains makes a text match when all words of one of Texts are in it; else it must be that text.
	Contains bool
	// Regions are whose shoppers it is for; none: all.
	Regions []string
	// Pin are products in the order in which they come first, whether or not they have the text. Filters hold for them.
	Pin []ID
	// Hide are products that are not found.
	Hide  []ID
	Boost []Boost
	// Redirect is where the shopper is sent: a path of the shop or an https URL; the hits are answered too.
	Redirect string
	// From and To are when it is in force; zero is open.
	From, To time.Time
	Note     string
	// Version counts edits, from 1; UpdatedBy is the public id of who made the last.
	Version   int64
	UpdatedBy string
	UpdatedAt time.Time
}

// A Boost makes products count for more, or for less. Each of Products, Brand and Category that is given must hold.
type Boost struct {
	Products []ID
	Brand    string
	// Category is a category's id; products in it alone, not below it, are meant.
	Category string
	// Percent is how much a hit's score is worth: 200 doubles it, 50 halves it; 1 to 1000.
	Percent int64
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

// Validate returns a *invalid.Error that names every field that is wrong.
func (r Rule) Validate(regions []string) error {
	var faults invalid.List
	check := func(ok bool, field, remedy string) {
		if !ok {
			faults.Add(field, "%s", remedy)
		}
	}
	check(validRuleID(r.ID), "id", fmt.Sprintf("must be 1 to %d lower-case letters, digits and hyphens", maxRuleID))
	check(len(r.Texts) <= maxRuleTexts, "texts", fmt.Sprintf("must be at most %d", maxRuleTexts))
	for i, text := range r.Texts {
		check(len(words(text)) > 0 && len(text) <= MaxTextBytes, fmt.Sprintf("texts[%d]", i), fmt.Sprintf("must be words, %d bytes at most", MaxTextBytes))
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
		check(len(b.Products) > 0 || b.Brand != "" || b.Category != "", field, "must name products, a brand or a category")
		check(len(b.Products) <= maxRuleHides, field+".products", fmt.Sprintf("must be at most %d products", maxRuleHides))
	}
	check(r.Redirect == "" || validRedirect(r.Redirect), "redirect", "must be a path such as /c/christmas, or an https URL")
	check(r.Redirect == "" || len(r.Texts) > 0, "texts", "must be given with a redirect: else every search would go there")
	check(len(r.Pin)+len(r.Hide)+len(r.Boost) > 0 || r.Redirect != "", "pin", "give at least one of pin, hide, boost and redirect")
	check(r.From.IsZero() || r.To.IsZero() || r.From.Before(r.To), "to", "must be after from")
	check(len(r.Note) <= maxRuleNote, "note", fmt.Sprintf("must be at most %d bytes", maxRuleNote))
	return faults.Err("search rule")
}

func validRuleID(id string) bool {
	return id != "" && len(id) <= maxRuleID && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// validRedirect keeps a rule from sending shoppers through a script or, by "//host", to another site by mistake.
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

// concerns is whether the rule is about that text, in that region, at that moment.
func (r *Rule) concerns(text string, region string, at time.Time) bool {
	if len(r.Regions) > 0 && !slices.Contains(r.Regions, region) || at.Before(r.From) || !r.To.IsZero() && !at.Before(r.To) {
		return false
	}
	if len(r.Texts) == 0 {
		return true
	}
	whole := normal(text)
	has := words(whole)
	return slices.ContainsFunc(r.Texts, func(wanted string) bool {
		if !r.Contains {
			return normal(wanted) == whole
		}
		for _, word := range words(wanted) {
			if !slices.Contains(has, word) {
				return false
			}
		}
		return true
	})
}

// An effect is what all rules together do to one search.
type effect struct {
	ids         []string
	pins, hides []ID
	boosts      []Boost
	redirect    string
}

// add adds what a rule does, if there is room.
func (e *effect) add(r *Rule) {
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

// hide is the query without the products that are hidden.
func (e effect) hide(q Query) Query {
	q.Filter.Exclude = append(slices.Clip(q.Filter.Exclude), e.hides...)
	return q
}

// score is what a hit is worth with the boosts.
func (e effect) score(h Hit) float64 {
	score := h.Score
	for _, b := range e.boosts {
		if (len(b.Products) == 0 || slices.Contains(b.Products, h.Document.ID)) &&
			(b.Brand == "" || b.Brand == h.Document.Brand) && (b.Category == "" || b.Category == h.Document.CategoryID) {
			score *= float64(b.Percent) / 100
		}
	}
	return score
}

// definition is a rule as the database keeps it.
type definition struct {
	Texts    []string          `json:"texts,omitempty"`
	Contains bool              `json:"contains,omitempty"`
	Regions  []string          `json:"regions,omitempty"`
	Pin      []ID              `json:"pin,omitempty"`
	Hide     []ID              `json:"hide,omitempty"`
	Boost    []boostDefinition `json:"boost,omitempty"`
	Redirect string            `json:"redirect,omitempty"`
	From     time.Time         `json:"from,omitzero"`
	To       time.Time         `json:"to,omitzero"`
	Note     string            `json:"note,omitempty"`
}

type boostDefinition struct {
	Products []ID   `json:"products,omitempty"`
	Brand    string `json:"brand,omitempty"`
	Category string `json:"category,omitempty"`
	Percent  int64  `json:"percent"`
}

func (r Rule) encode() ([]byte, error) {
	d := definition{r.Texts, r.Contains, r.Regions, r.Pin, r.Hide, nil, r.Redirect, r.From, r.To, r.Note}
	for _, b := range r.Boost {
		d.Boost = append(d.Boost, boostDefinition(b))
	}
	return json.Marshal(d)
}

func (r *Rule) decode(text []byte) error {
	var d definition
	if err := json.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("reading search rule %s: %w", r.ID, err)
	}
	r.Texts, r.Contains, r.Regions, r.Pin, r.Hide, r.Redirect, r.From, r.To, r.Note = d.Texts, d.Contains, d.Regions, d.Pin, d.Hide, d.Redirect, d.From, d.To, d.Note
	for _, b := range d.Boost {
		r.Boost = append(r.Boost, Boost(b))
	}
	return nil
}
