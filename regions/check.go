package regions

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

var (
	nameShape      = regexp.MustCompile(`^[a-z]+(-[a-z0-9]+)*$`)
	codeShape      = regexp.MustCompile(`^[a-z]{3}$`)
	currencyShape  = regexp.MustCompile(`^[A-Z]{3}$`)
	warehouseShape = regexp.MustCompile(`^[a-z]{3}-[0-9]{1,3}$`)

	knownServices  = []string{"api", "worker", "search", "payments"}
	knownProviders = []string{"aws", "azure", "gcp"}
)

// shareTotalBP is the whole of the traffic in basis points.
const shareTotalBP = 10_000

// A report collects the faults of one file.
type report struct {
	file   string
	faults []error
}

// addf notes a fault of a field; the text says what is wrong and, after a colon or semicolon, what to do.
func (r *report) addf(field, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s: %s: %s", r.file, field, fmt.Sprintf(format, args...)))
}

// checkEach reports what is wrong in each file on its own.
func checkEach(files []file) []error {
	var faults []error
	for _, f := range files {
		rep := &report{file: f.name}
		checkIdentity(rep, f.region)
		checkPlace(rep, f.region)
		checkOperation(rep, f.region)
		checkMarket(rep, f.region)
		checkWarehouses(rep, f.region)
		faults = append(faults, rep.faults...)
	}
	return faults
}

func checkIdentity(rep *report, r Region) {
	if !nameShape.MatchString(r.Name) {
		rep.addf("name", "%q is not lower-case words joined by hyphens; write one like eu-west", r.Name)
	} else if rep.file != r.Name+".yaml" {
		rep.addf("name", "%q does not match the file; rename one so that the file is %s.yaml", r.Name, r.Name)
	}
	if !codeShape.MatchString(r.Code) {
		rep.addf("code", "%q is not three lower-case letters; write one like euw", r.Code)
	}
	if strings.TrimSpace(r.Title) == "" {
		rep.addf("title", "it is empty; say what people call the region")
	}
}

func checkPlace(rep *report, r Region) {
	checkCoordinates(rep, "", r.Latitude, r.Longitude)
	if !slices.Contains(knownProviders, r.Cloud.Provider) {
		rep.addf("cloud.provider", "%q is not known; use one of %s", r.Cloud.Provider, strings.Join(knownProviders, ", "))
	}
	if r.Cloud.Region == "" {
		rep.addf("cloud.region", "it is empty; write the provider's name for the region, like eu-west-1")
	}
	if !nameShape.MatchString(r.SuperRegion) {
		rep.addf("super_region", "%q is not a lower-case word; name the legal area, like eu", r.SuperRegion)
	}
}

// checkCoordinates requires valid coordinates. 0, 0 is open sea and means that they are missing.
func checkCoordinates(rep *report, under string, latitude, longitude float64) {
	if latitude == 0 && longitude == 0 {
		rep.addf(under+"latitude", "latitude and longitude are missing; give them in degrees")
	}
	if !(latitude >= -90 && latitude <= 90) { // so written, NaN is refused too
		rep.addf(under+"latitude", "%v is out of range; give degrees north from -90 to 90", latitude)
	}
	if !(longitude >= -180 && longitude <= 180) {
		rep.addf(under+"longitude", "%v is out of range; give degrees east from -180 to 180", longitude)
	}
}

func checkOperation(rep *report, r Region) {
	if r.Residency != ResidencyDefault && r.Residency != ResidencyStrict {
		rep.addf("residency", "%q is not known; use %s or %s", r.Residency, ResidencyDefault, ResidencyStrict)
	}
	if r.TrafficShareBP < 0 || r.TrafficShareBP > shareTotalBP {
		rep.addf("traffic_share_bp", "%d is out of range; give basis points from 0 to %d", r.TrafficShareBP, shareTotalBP)
	}
	for _, service := range r.Services {
		if !slices.Contains(knownServices, service) {
			rep.addf("services", "%q is not known; use only %s", service, strings.Join(knownServices, ", "))
		}
	}
	if !slices.Contains(r.Services, "api") {
		rep.addf("services", "api is missing; a region that answers no request is no region: add it")
	}
	checkOnce(rep, "services", r.Services)
}

func checkMarket(rep *report, r Region) {
	if len(r.Currencies) == 0 {
		rep.addf("currencies", "there is none; list at least the default currency")
	}
	for _, currency := range r.Currencies {
		if !currencyShape.MatchString(currency) {
			rep.addf("currencies", "%q is not an ISO 4217 code; write one like EUR", currency)
		}
	}
	checkOnce(rep, "currencies", r.Currencies)
	checkCurrencyOf(rep, r)
	if len(r.Languages) == 0 {
		rep.addf("languages", "there is none; list at least the default language")
	}
	for _, tag := range r.Languages {
		if _, err := language.Parse(tag); err != nil {
			rep.addf("languages", "%q is not a BCP 47 tag; write one like en-GB", tag)
		}
	}
	checkOnce(rep, "languages", r.Languages)
	for _, country := range r.Countries {
		if !slices.Contains(isoCountries, country) {
			rep.addf("countries", "%q is not an ISO 3166-1 alpha-2 code; write one like \"IE\", in quotes", country)
		}
	}
}

func checkCurrencyOf(rep *report, r Region) {
	for _, country := range slices.Sorted(maps.Keys(r.CurrencyOf)) {
		if !slices.Contains(r.Countries, country) {
			rep.addf("currency_of", "%q is not homed here; list it under countries, or remove it", country)
		}
		if currency := r.CurrencyOf[country]; !slices.Contains(r.Currencies, currency) {
			rep.addf("currency_of", "%q pays in %q, which is not sold here; add it to currencies", country, currency)
		}
	}
}

func checkWarehouses(rep *report, r Region) {
	if len(r.Warehouses) == 0 {
		rep.addf("warehouses", "there is none; add at least one, its stock is homed in this region")
	}
	for i, w := range r.Warehouses {
		under := fmt.Sprintf("warehouses[%d].", i)
		if !warehouseShape.MatchString(w.Code) || !strings.HasPrefix(w.Code, r.Code+"-") {
			rep.addf(under+"code", "%q is not the region's code and a number; write one like %s-1", w.Code, r.Code)
		}
		if strings.TrimSpace(w.Title) == "" {
			rep.addf(under+"title", "it is empty; name the town")
		}
		if !slices.Contains(isoCountries, w.Country) {
			rep.addf(under+"country", "%q is not an ISO 3166-1 alpha-2 code; write one like \"IE\", in quotes", w.Country)
		}
		checkCoordinates(rep, under, w.Latitude, w.Longitude)
	}
}

// checkOnce reports values that a list holds twice.
func checkOnce(rep *report, field string, values []string) {
	for i, v := range values {
		if slices.Contains(values[:i], v) {
			rep.addf(field, "%q is listed twice; remove one", v)
		}
	}
}
