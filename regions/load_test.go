package regions

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/testkit"
)

func TestShipped(t *testing.T) {
	set := shippedSet(t)
	if diff := cmp.Diff([]string{"us-east", "ap-southeast", "eu-west", "us-west"}, set.Names()); diff != "" {
		t.Errorf("names, primary first (-want +got):\n%s", diff)
	}
	wantCloud := map[string]string{
		"us-east": "us-east-1", "us-west": "us-west-2", "eu-west": "eu-west-1", "ap-southeast": "ap-southeast-1",
	}
	for _, r := range set.All() {
		if r.Cloud.Provider != "aws" || r.Cloud.Region != wantCloud[r.Name] {
			t.Errorf("%s: cloud = %+v, want aws %s", r.Name, r.Cloud, wantCloud[r.Name])
		}
		if r.Residency != ResidencyDefault {
			t.Errorf("%s: residency = %q: strict is for the operator to choose", r.Name, r.Residency)
		}
		if diff := cmp.Diff(knownServices, r.Services); diff != "" {
			t.Errorf("%s: services (-want +got):\n%s", r.Name, diff)
		}
	}
}

// European data protection law decides where these customers' rows live: no rule of distance may move them.
func TestShipped_EuropeanLawHomesInEUWest(t *testing.T) {
	covered := strings.Fields(`AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK
		IS LI NO GB CH AX GF GP MF MQ RE YT`)
	set := shippedSet(t)
	for _, country := range covered {
		if home, ok := set.HomeOf(country); !ok || home.Name != "eu-west" {
			t.Errorf("%s is homed in %q", country, home.Name)
		}
	}
}

// A bare NO is false to YAML 1.1 readers, of which Terraform's may be one; so every code stands in quotes.
func TestShipped_CountryCodesAreQuoted(t *testing.T) {
	bare := regexp.MustCompile(`(^|[^"A-Za-z])[A-Z]{2}($|[^"A-Za-z])`)
	for name, text := range shippedFiles(t) {
		for i, line := range strings.Split(string(text.Data), "\n") {
			value, _, _ := strings.Cut(line, "#")
			if strings.HasPrefix(value, "title:") || strings.HasPrefix(value, "languages:") {
				continue
			}
			if code := bare.FindString(value); code != "" {
				t.Errorf("%s:%d: %q is not quoted", name, i+1, code)
			}
		}
	}
}

func TestLoad_Faults(t *testing.T) {
	tests := []struct {
		name           string
		file, old, new string
		want           []string // one fault holds all of these
	}{
		{"unknown field", "eu-west.yaml", "residency:", "recidency:", []string{"eu-west.yaml", "recidency"}},
		{"field given twice", "eu-west.yaml", "code: euw ", "code: euw\ncode: euw ", []string{"eu-west.yaml", "code"}},
		{"wrong type", "eu-west.yaml", "traffic_share_bp: 2000", "traffic_share_bp: much", []string{"eu-west.yaml", "traffic_share_bp"}},
		{"name is not the file's", "eu-west.yaml", "name: eu-west", "name: eu-north", []string{"eu-west.yaml", "name", "rename"}},
		{"name of bad shape", "eu-west.yaml", "name: eu-west", "name: EU West", []string{"eu-west.yaml", "name", "lower-case"}},
		{"code of bad shape", "eu-west.yaml", "code: euw ", "code: eu1 ", []string{"eu-west.yaml", "code", "three lower-case letters"}},
		{"code taken", "us-west.yaml", "code: usw ", "code: use ", []string{"us-west.yaml", "code", `"use" is taken by us-east.yaml`}},
		{"no title", "eu-west.yaml", "title: EU West (Ireland)", `title: " "`, []string{"eu-west.yaml", "title"}},
		{"cloud taken", "us-west.yaml", "region: us-west-2", "region: us-east-1", []string{"us-west.yaml", "cloud", "taken by us-east.yaml"}},
		{"cloud unknown", "us-west.yaml", "provider: aws", "provider: garage", []string{"us-west.yaml", "cloud.provider", "aws"}},
		{"no cloud region", "us-west.yaml", "region: us-west-2", `region: ""`, []string{"us-west.yaml", "cloud.region"}},
		{"no super region", "us-west.yaml", "super_region: us", `super_region: ""`, []string{"us-west.yaml", "super_region"}},
		{"two primaries", "us-west.yaml", "name: us-west", "name: us-west\nprimary: true", []string{"primary", "us-east.yaml, us-west.yaml"}},
		{"no primary", "us-east.yaml", "primary: true ", "primary: false ", []string{"primary", "no file has it"}},
		{"failover to nowhere", "us-west.yaml", "failover: [us-east,", "failover: [us-north,",
			[]string{"us-west.yaml", "failover", `"us-north"`, "eu-west"}},
		{"failover to itself", "us-west.yaml", "failover: [us-east,", "failover: [us-west,", []string{"us-west.yaml", "failover", "itself"}},
		{"failover twice", "us-west.yaml", "failover: [us-east,", "failover: [eu-west,", []string{"us-west.yaml", "failover", "listed twice"}},
		{"no failover", "us-west.yaml", "failover: [us-east, ap-southeast, eu-west]", "failover: []",
			[]string{"us-west.yaml", "failover", "empty"}},
		{"country homed twice", "us-west.yaml", `"AS", `, `"AS", "IE", `, []string{"us-west.yaml", "countries", `"IE" is homed by eu-west.yaml`}},
		{"country homed twice in a file", "us-west.yaml", `"AS", `, `"AS", "AS", `,
			[]string{"us-west.yaml", "countries", `"AS" is homed by us-west.yaml`}},
		{"country without home", "eu-west.yaml", `"NL", `, "", []string{"countries", "no file homes NL"}},
		{"country unknown", "us-west.yaml", `"AS", `, `"AS", "UK", `, []string{"us-west.yaml", "countries", `"UK"`}},
		{"country in lower case", "us-west.yaml", `"AS", `, `"as", `, []string{"us-west.yaml", "countries", `"as"`}},
		{"shares", "us-west.yaml", "traffic_share_bp: 3000", "traffic_share_bp: 2999", []string{"traffic_share_bp", "9999", "10000"}},
		{"share below zero", "us-west.yaml", "traffic_share_bp: 3000", "traffic_share_bp: -1",
			[]string{"us-west.yaml", "traffic_share_bp", "-1"}},
		{"currency shape", "us-west.yaml", "currencies: [USD,", "currencies: [usd,", []string{"us-west.yaml", "currencies", `"usd"`}},
		{"currency twice", "us-west.yaml", "currencies: [USD,", "currencies: [MXN,", []string{"us-west.yaml", "currencies", "listed twice"}},
		{"no currency", "us-west.yaml", "currencies: [USD, MXN]", "currencies: []", []string{"us-west.yaml", "currencies", "none"}},
		{"currency of a country elsewhere", "us-west.yaml", `  "MX": MXN`, `  "IE": MXN`,
			[]string{"us-west.yaml", "currency_of", `"IE"`, "not homed here"}},
		{"currency of a country not sold", "us-west.yaml", `  "MX": MXN`, `  "MX": EUR`,
			[]string{"us-west.yaml", "currency_of", `"EUR"`, "currencies"}},
		{"no language", "us-west.yaml", "languages: [en-US, es-MX]", "languages: []", []string{"us-west.yaml", "languages"}},
		{"language", "us-west.yaml", "es-MX", "spanish!", []string{"us-west.yaml", "languages", "BCP 47"}},
		{"service unknown", "us-west.yaml", "search, payments", "search, kitchen", []string{"us-west.yaml", "services", `"kitchen"`}},
		{"no api", "us-west.yaml", "services: [api, ", "services: [", []string{"us-west.yaml", "services", "api is missing"}},
		{"residency", "us-west.yaml", "residency: default", "residency: lax", []string{"us-west.yaml", "residency", "default or strict"}},
		{"latitude", "us-west.yaml", "latitude: 45.84", "latitude: 91", []string{"us-west.yaml", "latitude", "91"}},
		{"longitude", "us-west.yaml", "longitude: -119.70", "longitude: 181", []string{"us-west.yaml", "longitude", "181"}},
		{"latitude not a number", "us-west.yaml", "latitude: 45.84", "latitude: .nan", []string{"us-west.yaml", "latitude"}},
		{"warehouse code of another region", "us-west.yaml", "code: usw-1", "code: euw-9",
			[]string{"us-west.yaml", "warehouses[0].code", "usw-1"}},
		{"warehouse code taken", "us-west.yaml", "code: usw-1", "code: usw-2", []string{"us-west.yaml", "warehouses", "taken"}},
		{"warehouse country", "us-west.yaml", `country: "US", latitude: 39.53`, `country: "USA", latitude: 39.53`,
			[]string{"us-west.yaml", "warehouses[0].country", `"USA"`}},
		{"warehouse coordinates", "us-west.yaml", "latitude: 39.53, longitude: -119.81", "latitude: 0, longitude: 0",
			[]string{"us-west.yaml", "warehouses[0].latitude", "missing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := shippedFiles(t)
			edit(t, files, tt.file, tt.old, tt.new)
			_, err := Load(files)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !hasFault(err, tt.want) {
				t.Errorf("no fault holds all of %q in:\n%v", tt.want, err)
			}
		})
	}
}

func TestLoad_NoWarehouse(t *testing.T) {
	files := shippedFiles(t)
	head, _, _ := strings.Cut(string(files["us-west.yaml"].Data), "warehouses:")
	files["us-west.yaml"].Data = []byte(head)
	if _, err := Load(files); !hasFault(err, []string{"us-west.yaml", "warehouses", "at least one"}) {
		t.Errorf("error = %v", err)
	}
}

func TestLoad_NoFiles(t *testing.T) {
	if _, err := Load(fstest.MapFS{}); err == nil {
		t.Error("an empty folder was accepted")
	}
}

func TestLoad_WrongExtension(t *testing.T) {
	files := shippedFiles(t)
	files["eu-south.yml"] = &fstest.MapFile{Data: []byte("name: eu-south")}
	if _, err := Load(files); !hasFault(err, []string{"eu-south.yml", "eu-south.yaml"}) {
		t.Errorf("error = %v", err)
	}
}

func TestLoad_AllFaultsAtOnce(t *testing.T) {
	files := shippedFiles(t)
	edit(t, files, "us-east.yaml", "residency: default", "residency: lax")
	edit(t, files, "us-west.yaml", "latitude: 45.84", "latitude: 91")
	edit(t, files, "us-west.yaml", "code: usw-1", "code: usw-x")
	edit(t, files, "eu-west.yaml", `"NL", `, "")
	_, err := Load(files)
	for _, want := range [][]string{
		{"us-east.yaml", "residency"}, {"us-west.yaml", "latitude"}, {"us-west.yaml", "warehouses[0].code"}, {"countries", "NL"},
	} {
		if !hasFault(err, want) {
			t.Errorf("no fault holds all of %q in:\n%v", want, err)
		}
	}
	if got := len(strings.Split(err.Error(), "\n")); got != 4 {
		t.Errorf("%d faults, want 4:\n%v", got, err)
	}
}

func TestLoad_UnreadableFilesAreReportedTogether(t *testing.T) {
	files := shippedFiles(t)
	edit(t, files, "us-east.yaml", "residency:", "recidency:")
	edit(t, files, "us-west.yaml", "latitude: 45.84", "latitude: north")
	_, err := Load(files)
	for _, want := range [][]string{{"us-east.yaml", "recidency"}, {"us-west.yaml", "latitude"}} {
		if err == nil || !strings.Contains(err.Error(), want[0]) || !strings.Contains(err.Error(), want[1]) {
			t.Errorf("nothing says %q in:\n%v", want, err)
		}
	}
}

const fifthRegion = `
name: ap-south
code: apo
title: AP South (Mumbai)
cloud: {provider: aws, region: ap-south-1}
latitude: 19.08
longitude: 72.88
super_region: ap
residency: default
failover: [ap-southeast]
services: [api, worker]
currencies: [INR]
languages: [en-IN, hi]
warehouses:
  - {code: apo-1, title: Pune, country: "IN", latitude: 18.52, longitude: 73.86}
`

// A fifth region is one file: it starts dark, and the shipped files stay as they are.
func TestLoad_FifthRegionIsOneFile(t *testing.T) {
	files := shippedFiles(t)
	files["ap-south.yaml"] = &fstest.MapFile{Data: []byte(fifthRegion)}
	set := testkit.Must(Load(files))(t)
	if got := len(set.All()); got != 5 {
		t.Fatalf("%d regions, want 5", got)
	}
	want := map[string][]string{
		"us-east":      {"us-west", "eu-west", "ap-southeast", "ap-south"},
		"us-west":      {"us-east", "ap-southeast", "eu-west", "ap-south"},
		"eu-west":      {"us-east", "us-west", "ap-southeast", "ap-south"},
		"ap-southeast": {"us-west", "us-east", "eu-west", "ap-south"},
		// Its own list stops after one: the rest follows by distance.
		"ap-south": {"ap-southeast", "eu-west", "us-west", "us-east"},
	}
	got := map[string][]string{}
	for _, name := range set.Names() {
		for _, r := range set.Failover(name) {
			got[name] = append(got[name], r.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failover (-want +got):\n%s", diff)
	}
	if r, ok := set.ByCode("apo"); !ok || r.Name != "ap-south" {
		t.Errorf("ByCode(apo) = %q, %v", r.Name, ok)
	}
}

func TestLoad_FifthRegionTakesACountry(t *testing.T) {
	files := shippedFiles(t)
	files["ap-south.yaml"] = &fstest.MapFile{Data: []byte(fifthRegion + `countries: ["IN"]` + "\n")}
	if _, err := Load(files); !hasFault(err, []string{"countries", `"IN"`, "ap-south", "ap-southeast"}) {
		t.Fatalf("two regions home India; error = %v", err)
	}
	edit(t, files, "ap-southeast.yaml", `"IN", `, "")
	set := testkit.Must(Load(files))(t)
	if home, _ := set.HomeOf("IN"); home.Name != "ap-south" {
		t.Errorf("India is homed in %s", home.Name)
	}
	if got := set.CurrencyOf("IN"); got != "INR" {
		t.Errorf("India pays in %s", got)
	}
}

func shippedSet(t testing.TB) *Set {
	t.Helper()
	set := testkit.Must(Shipped())(t)
	return set
}

// shippedFiles copies the embedded files so that a test may change them.
func shippedFiles(t *testing.T) fstest.MapFS {
	t.Helper()
	names := testkit.Must(fs.Glob(shipped, "*.yaml"))(t)
	files := fstest.MapFS{}
	for _, name := range names {
		text := testkit.Must(shipped.ReadFile(name))(t)
		files[name] = &fstest.MapFile{Data: slices.Clone(text)}
	}
	return files
}

// edit replaces the first old by new, and fails the test when there is none: the case would then prove nothing.
func edit(t *testing.T, files fstest.MapFS, name, old, new string) {
	t.Helper()
	text := string(files[name].Data)
	if !strings.Contains(text, old) {
		t.Fatalf("%s does not hold %q", name, old)
	}
	files[name].Data = []byte(strings.Replace(text, old, new, 1))
}

// hasFault reports whether one of the joined errors holds every part.
func hasFault(err error, parts []string) bool {
	if err == nil {
		return false
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.ContainsFunc(joined.Unwrap(), func(e error) bool { return hasFault(e, parts) })
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			return false
		}
	}
	return true
}
