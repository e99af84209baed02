package geo

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// varyByClient makes an answer that depends on the client's country safe for a cache in front of the edge. Such a cache does not
// see headerCountry, which the edge sets: it sees what the edge knew the country by. That is either the header of a CDN, then Vary
// names that header, or the client's address, by which no cache can keep answers apart: then the answer is for that client alone.
// The regions' Vary lines become one, since caches exist that read only one.
func (j *journey) varyByClient(resp *http.Response) error {
	names := canonical(listed(resp.Header, "Vary"))
	if place := slices.Index(names, headerCountry); place >= 0 {
		names = canonical(append(slices.Delete(names, place, place+1), j.edge.cfg.Locator.CountryHeaders...))
		if j.loc.Source != FromHeader {
			makePrivate(resp.Header)
		}
	}
	if len(names) > 0 {
		resp.Header.Set("Vary", strings.Join(names, ", "))
	}
	return nil
}

// makePrivate leaves an answer that anybody might keep to its client.
func makePrivate(h http.Header) {
	directives := listed(h, "Cache-Control")
	if place := slices.Index(directives, "public"); place >= 0 {
		directives[place] = "private"
		h.Set("Cache-Control", strings.Join(directives, ", "))
	}
}

// listed returns the elements of a header that is a list, over all its lines.
func listed(h http.Header, name string) []string {
	var all []string
	for _, line := range h.Values(name) {
		for element := range strings.SplitSeq(line, ",") {
			if element = strings.TrimSpace(element); element != "" {
				all = append(all, element)
			}
		}
	}
	return all
}

// canonical returns each of the names of headers once, as net/http writes them.
func canonical(names []string) []string {
	var all []string
	for _, name := range names {
		if name = textproto.CanonicalMIMEHeaderKey(name); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}
