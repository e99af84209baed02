package concept

import (
	"meridian/internal/search"
	"meridian/internal/search/language"
)

// Highlights splits the title and the brand of a hit into matching and other parts.
func (p *Plan) Highlights(c search.Card) map[string][]search.Fragment {
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
func (p *Plan) fragments(text string) []search.Fragment {
	tokens := language.Tokenize(text)
	marked := make([]bool, len(tokens))
	any := false
	for i := range tokens {
		if p.wants(Words, tokens[i].Stem) {
			marked[i], any = true, true
		}
		if i > 0 && p.wants(Pairs, language.Joined(tokens[i-1:i+1])) {
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
func (p *Plan) wants(field Field, term string) bool {
	for i := range p.Concepts {
		for j := range p.Concepts[i].Alternatives {
			if a := &p.Concepts[i].Alternatives[j]; a.Term == term && a.Field == field {
				return true
			}
		}
	}
	return false
}
