package regions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// checkTogether reports what is wrong between the files.
func checkTogether(files []file) []error {
	var faults []error
	faults = append(faults, checkUnique(files)...)
	faults = append(faults, checkPrimary(files)...)
	faults = append(faults, checkFailover(files)...)
	faults = append(faults, checkHomes(files)...)
	faults = append(faults, checkShares(files)...)
	return faults
}

// checkUnique requires each name, code, cloud region and warehouse code to be in one file only.
func checkUnique(files []file) []error {
	var faults []error
	owners := map[string]string{} // field and value → file
	claim := func(f file, field, value string) {
		key := field + "\x00" + value
		if owner, taken := owners[key]; taken {
			faults = append(faults, fmt.Errorf("%s: %s: %q is taken by %s; choose another", f.name, field, value, owner))
			return
		}
		owners[key] = f.name
	}
	for _, f := range files {
		claim(f, "name", f.region.Name)
		claim(f, "code", f.region.Code)
		claim(f, "cloud", f.region.Cloud.Provider+" "+f.region.Cloud.Region)
		for _, w := range f.region.Warehouses {
			claim(f, "warehouses", w.Code)
		}
	}
	return faults
}

func checkPrimary(files []file) []error {
	var primaries []string
	for _, f := range files {
		if f.region.Primary {
			primaries = append(primaries, f.name)
		}
	}
	switch len(primaries) {
	case 1:
		return nil
	case 0:
		return []error{errors.New("primary: no file has it; set primary: true in exactly one")}
	}
	return []error{fmt.Errorf("primary: %s all have it; keep primary: true in exactly one", strings.Join(primaries, ", "))}
}

// checkFailover requires each list to name other existing regions, once each. A list may be incomplete:
// completeFailover adds the rest.
func checkFailover(files []file) []error {
	names := make([]string, 0, len(files))
	for _, f := range files {
		names = append(names, f.region.Name)
	}
	var faults []error
	for _, f := range files {
		rep := &report{file: f.name}
		for _, name := range f.region.Failover {
			switch {
			case name == f.region.Name:
				rep.addf("failover", "%q is the region itself; remove it", name)
			case !slices.Contains(names, name):
				rep.addf("failover", "there is no region %q; use only %s", name, strings.Join(names, ", "))
			}
		}
		if len(f.region.Failover) == 0 && len(files) > 1 {
			rep.addf("failover", "it is empty; name at least the region that takes over first")
		}
		checkOnce(rep, "failover", f.region.Failover)
		faults = append(faults, rep.faults...)
	}
	return faults
}

// checkHomes requires every ISO country to be homed in exactly one region.
func checkHomes(files []file) []error {
	var faults []error
	homes := make(map[string]string, len(isoCountries)) // country → file
	for _, f := range files {
		for _, country := range f.region.Countries {
			if other, taken := homes[country]; taken {
				faults = append(faults, fmt.Errorf("%s: countries: %q is homed by %s already; keep it in one", f.name, country, other))
				continue
			}
			homes[country] = f.name
		}
	}
	var homeless []string
	for _, country := range isoCountries {
		if _, ok := homes[country]; !ok {
			homeless = append(homeless, country)
		}
	}
	if len(homeless) > 0 {
		faults = append(faults, fmt.Errorf("countries: no file homes %s; add each to exactly one", strings.Join(homeless, ", ")))
	}
	return faults
}

func checkShares(files []file) []error {
	sum := 0
	for _, f := range files {
		sum += f.region.TrafficShareBP
	}
	if sum != shareTotalBP {
		return []error{fmt.Errorf("traffic_share_bp: the files sum to %d; change them so that they sum to %d", sum, shareTotalBP)}
	}
	return nil
}
