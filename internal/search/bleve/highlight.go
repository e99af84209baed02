package bleve

import (
	"meridian/internal/search"
	"meridian/internal/search/language"
)

// highlights splits the title and the brand of a hit into matching and other parts.
func (p *plan) highlights(c search.Card) map[string][]search.Fragment {
	var all map[string][]search.Fragment
	for name, text := range map[string]string{"title": c.Title, "brand": c.Brand} {
		if fragments := p.fragments(text); fragments != nil {
			if all == nil {
				all = make(map[string][]search.Fragment, 2)
			}
			all[name] = fragments
		}
	}
	return all
}

// fragments returns the parts of a text, or nil if none matches.
func (p *plan) fragments(text string) []search.Fragment {
	tokens := language.Tokenize(text)
	marked := make([]bool, len(tokens))
	any := false
	for i := range tokens {
		if p.wants(fieldWords, tokens[i].Stem) {
			marked[i], any = true, true
		}
		if i > 0 && p.wants(fieldPairs, language.Joined(tokens[i-1:i+1])) {
			marked[i-1], marked[i], any = true, true, true
		}
	}
	if !any {
		return nil
	}
	var all []search.Fragment
	end := 0
	for i, t := range tokens {
		if !marked[i] {
			continue
		}
		if t.Start > end {
			all = append(all, search.Fragment{Text: text[end:t.Start]})
		}
		all = append(all, search.Fragment{Text: text[t.Start:t.End], Match: true})
		end = t.End
	}
	if end < len(text) {
		all = append(all, search.Fragment{Text: text[end:]})
	}
	return all
}

// wants reports whether a term is an alternative of some concept.
func (p *plan) wants(field, term string) bool {
	for i := range p.concepts {
		for j := range p.concepts[i].alternatives {
			if a := &p.concepts[i].alternatives[j]; a.term == term && a.field == field {
				return true
			}
		}
	}
	return false
}
