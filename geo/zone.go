package geo

// A Zone is a part of the United States, the only country measured in parts, because its coasts have different
// nearest regions.
type Zone string

// The zones of the United States, as the measurements name them.
const (
	ZoneEast    Zone = "East"
	ZoneCentral Zone = "Central"
	ZoneSouth   Zone = "South"
	ZoneWest    Zone = "West"
)

// ZoneOfState returns the zone of a state's two-letter code, or "" for any other text. States are grouped as the
// Census Bureau's regions are, with the South divided at the Appalachians: the coast belongs to East, the rest to
// South.
func ZoneOfState(state string) Zone {
	switch state {
	case "CT", "DC", "DE", "FL", "GA", "MA", "MD", "ME", "NC", "NH", "NJ", "NY", "PA", "RI", "SC", "VA", "VT", "WV":
		return ZoneEast
	case "IA", "IL", "IN", "KS", "MI", "MN", "MO", "ND", "NE", "OH", "SD", "WI":
		return ZoneCentral
	case "AL", "AR", "KY", "LA", "MS", "OK", "TN", "TX":
		return ZoneSouth
	case "AK", "AZ", "CA", "CO", "HI", "ID", "MT", "NM", "NV", "OR", "UT", "WA", "WY":
		return ZoneWest
	}
	return ""
}
