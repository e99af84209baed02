package regions

// A Region is one place where the whole shop runs: it has its own pods and warehouses, and is the home of the rows of
// customers who registered in its countries.
type Region struct {
	// Name is the region everywhere in the shop and in the database, for example "eu-west".
	Name string `yaml:"name"`
	// Code is the region inside public ids, three lower-case letters, for example "euw". It never changes.
	Code string `yaml:"code"`
	// Title is the region for people, for example "EU West (Ireland)".
	Title string `yaml:"title"`
	// Primary marks the one region that is CockroachDB's PRIMARY REGION.
	Primary bool `yaml:"primary"`
	// Cloud says where the region's machines are.
	Cloud Cloud `yaml:"cloud"`
	// SuperRegion is the legal area the region lies in; strict residency keeps every copy of a row inside it.
	SuperRegion string `yaml:"super_region"`
	// Latitude of the region's data centres, in degrees north.
	Latitude float64 `yaml:"latitude"`
	// Longitude of the region's data centres, in degrees east.
	Longitude float64 `yaml:"longitude"`
	// Residency is ResidencyDefault or ResidencyStrict.
	Residency string `yaml:"residency"`
	// TrafficShareBP is the planned share of all requests in basis points. Over all regions they sum to 10000.
	TrafficShareBP int `yaml:"traffic_share_bp"`
	// Failover names every other region, the one to be tried first in front. The file may name only the first few:
	// Load appends the others by distance.
	Failover []string `yaml:"failover"`
	// Services lists what runs in the region, out of "api", "worker", "search" and "payments".
	Services []string `yaml:"services"`
	// Currencies are the ISO 4217 codes the region sells in; the first is the default.
	Currencies []string `yaml:"currencies"`
	// CurrencyOf names the currency of those countries homed here that do not pay in the default.
	CurrencyOf map[string]string `yaml:"currency_of"`
	// Languages are BCP 47 tags of what the region's pages are offered in; the first is the default.
	Languages []string `yaml:"languages"`
	// Countries are the ISO 3166-1 alpha-2 codes whose customers are homed here. A new region may have none.
	Countries []string `yaml:"countries"`
	// Warehouses are the places that ship from this region; at least one.
	Warehouses []Warehouse `yaml:"warehouses"`
}

// Cloud names the provider and its name for the region, for example "aws" and "eu-west-1".
type Cloud struct {
	Provider string `yaml:"provider"`
	Region   string `yaml:"region"`
}

// A Warehouse holds stock. Its region is the home of that stock's rows.
type Warehouse struct {
	// Code is unique over all regions and begins with the region's code, for example "euw-2".
	Code  string `yaml:"code"`
	Title string `yaml:"title"`
	// Country is the ISO 3166-1 alpha-2 code of where it stands.
	Country string `yaml:"country"`
	// Latitude in degrees north.
	Latitude float64 `yaml:"latitude"`
	// Longitude in degrees east.
	Longitude float64 `yaml:"longitude"`
}

// The two values of Region.Residency. They trade one promise against another.
const (
	// ResidencyDefault lets the database keep copies of the region's rows in other regions, so that it survives the
	// loss of this one.
	ResidencyDefault = "default"
	// ResidencyStrict keeps every copy inside the region's super region. The loss of the region is then survived
	// only when that super region has three regions.
	ResidencyStrict = "strict"
)
