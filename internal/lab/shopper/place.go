package shopper

import (
	"net/http"

	"meridian/internal/lab/client"
)

// Countries lists a country of each region.
var Countries = []string{"US", "MX", "DE", "SG"}

// From returns a copy of an edge's client whose calls come from a country, and from a state if it is not empty, as a CDN
// would report.
func From(edge *client.Client, country, state string) *client.Client {
	there := *edge
	there.Header = http.Header{"Cf-Ipcountry": {country}}
	if state != "" {
		there.Header.Set("CF-Region-Code", state)
	}
	return &there
}

// Address returns an address in a country, and in a state if it is not empty.
func Address(name, country, state string) client.Address {
	return client.Address{Name: name, Line1: "1 High Street", City: "Town", State: state, Postcode: "12345", Country: country}
}
