package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// picture is the architecture: what each package may import of this module. regions and
// geo are leaves that any package may import, so they are left out of the lists. A package
// that is not here, or an import that is not in its row, fails the test: widen the picture
// only on purpose.
var picture = map[string][]string{
	"regions":                       nil,
	"geo":                           {"internal/discovery", "internal/serve"},
	"internal/discovery":            nil,
	"internal/testkit/consultest":   nil,
	"geo/rum":                       nil,
	"geo/dns":                       {"geo/rum"},
	"internal/invalid":              nil,
	"internal/money":                nil,
	"internal/database":             nil,
	"internal/secret":               nil,
	"internal/serve":                nil,
	"internal/telemetry":            {"internal/serve"},
	"schema":                        {"internal/database"},
	"schema/portability":            nil,
	"internal/outbox":               {"internal/database"},
	"internal/idempotency":          {"internal/database"},
	"internal/database/embedded":    nil,
	"internal/testkit":              nil,
	"internal/testkit/databasetest": {"internal/database", "internal/database/embedded", "internal/testkit", "schema"},
	"internal/pricing/changes":      {"internal/database"},
	"internal/fx":                   {"internal/database", "internal/invalid", "internal/money", "internal/pricing/changes"},
	"internal/promotion":            {"internal/database", "internal/invalid", "internal/money", "internal/pricing/changes"},
	"internal/catalog/skus":         {"internal/database", "internal/money"},
	"internal/pricing": {
		"internal/catalog/skus", "internal/database", "internal/fx", "internal/money", "internal/pricing/changes",
		"internal/promotion", "internal/secret",
	},
	"internal/shipping": {"internal/money"},
	"internal/catalog": {
		"internal/catalog/skus", "internal/database", "internal/idempotency", "internal/invalid", "internal/money",
		"internal/outbox", "internal/pricing", "internal/pricing/changes", "internal/rating",
	},
	"internal/catalog/shipped":    nil,
	"internal/search/language":    {"internal/search"},
	"internal/search/concept":     {"internal/search", "internal/search/language"},
	"internal/search/bleve":       {"internal/search", "internal/search/concept", "internal/search/language"},
	"internal/lab/eval":           {"internal/catalog/shipped", "internal/lab/report", "internal/search"},
	"internal/search":             {"internal/database", "internal/invalid", "internal/money", "internal/telemetry"},
	"internal/search/plain":       {"internal/catalog", "internal/search"},
	"internal/search/meilisearch": {"internal/search", "internal/search/concept", "internal/search/language"},
	"internal/testkit/searchtest": {"internal/money", "internal/search", "internal/testkit"},
	"internal/search/indexer": {
		"internal/catalog", "internal/database", "internal/inventory", "internal/pricing", "internal/pricing/changes",
		"internal/rating", "internal/recommend", "internal/search",
	},
	"internal/inventory": {"internal/catalog", "internal/database", "internal/idempotency", "internal/invalid", "internal/outbox"},
	"internal/rating":    {"internal/database"},
	"internal/recommend": {"internal/catalog", "internal/database", "internal/order"},
	"internal/account": {
		"internal/catalog", "internal/database", "internal/idempotency", "internal/invalid", "internal/outbox", "internal/rating",
		"internal/secret",
	},
	"internal/cart": {
		"internal/account", "internal/catalog", "internal/database", "internal/idempotency", "internal/invalid",
		"internal/inventory", "internal/money", "internal/pricing", "internal/pricing/changes", "internal/promotion",
		"internal/shipping",
	},
	"internal/payment":             {"internal/database", "internal/money", "internal/outbox"},
	"internal/payment/sandbox":     {"internal/money", "internal/payment", "internal/serve"},
	"internal/payment/stripe":      {"internal/money", "internal/payment"},
	"internal/testkit/paymenttest": {"internal/money", "internal/payment", "internal/testkit"},
	"internal/order": {
		"internal/account", "internal/cart", "internal/catalog", "internal/database", "internal/idempotency", "internal/inventory",
		"internal/money", "internal/outbox", "internal/payment", "internal/pricing", "internal/promotion", "internal/rating",
		"internal/secret", "internal/shipping",
	},
	"internal/verify": {"internal/database"},
	"internal/finance": {
		"internal/account", "internal/catalog", "internal/database", "internal/idempotency", "internal/invalid", "internal/money",
		"internal/pricing", "internal/pricing/changes", "internal/promotion",
	},
	"internal/finance/report": {"internal/database", "internal/invalid", "internal/money", "internal/order", "internal/pricing"},
	"internal/api": {
		"internal/account", "internal/cart", "internal/catalog", "internal/database", "internal/finance", "internal/finance/report",
		"internal/fx", "internal/idempotency", "internal/invalid", "internal/inventory", "internal/money", "internal/order",
		"internal/payment", "internal/pricing", "internal/promotion", "internal/rating", "internal/recommend", "internal/search",
		"internal/secret", "internal/serve", "internal/shipping", "internal/telemetry",
	},
	"internal/testkit/apitest": nil,
	"internal/pod": {
		"internal/account", "internal/api", "internal/cart", "internal/catalog", "internal/database", "internal/discovery",
		"internal/finance", "internal/fx", "internal/idempotency", "internal/inventory", "internal/order", "internal/outbox",
		"internal/payment",
		"internal/payment/sandbox", "internal/payment/stripe", "internal/pricing", "internal/rating", "internal/recommend",
		"internal/search", "internal/search/bleve", "internal/search/concept", "internal/search/indexer",
		"internal/search/meilisearch", "internal/search/plain", "internal/secret", "internal/shipping", "internal/telemetry",
		"internal/verify", "schema",
	},
	"internal/local": {
		"internal/account", "internal/api", "internal/catalog", "internal/catalog/shipped", "internal/database",
		"internal/database/embedded", "internal/discovery", "internal/fx", "internal/inventory", "internal/lab/wan", "internal/local/pair",
		"internal/payment/sandbox", "internal/pod", "internal/search", "internal/search/bleve", "internal/search/indexer", "internal/serve",
		"internal/telemetry", "schema",
	},
	"internal/local/pair":    {"internal/database/embedded"},
	"internal/lab/wan":       nil,
	"internal/lab/history":   nil,
	"internal/lab/client":    nil,
	"internal/lab/shopper":   {"internal/lab/client"},
	"internal/lab/report":    {"internal/lab/client"},
	"internal/lab/predict":   {"internal/lab/client", "internal/lab/report", "internal/lab/shopper", "internal/lab/wan"},
	"internal/lab/audit":     {"internal/database", "internal/lab/client", "internal/verify"},
	"internal/lab/localshop": {"internal/local"},
	"internal/lab/shipped":   {"internal/catalog/shipped", "internal/money"},
	"internal/lab/bench": {
		"internal/cart", "internal/catalog", "internal/database", "internal/fx", "internal/inventory", "internal/lab/audit",
		"internal/lab/client", "internal/lab/report", "internal/lab/shopper", "internal/money", "internal/order", "internal/pricing",
		"internal/search", "internal/search/bleve", "internal/search/indexer", "internal/verify",
	},
	"internal/lab/replay": {
		"internal/catalog/shipped", "internal/lab/client", "internal/lab/report", "internal/lab/shopper", "internal/money",
	},
	"internal/lab/demo": {
		"internal/account", "internal/database", "internal/lab/audit", "internal/lab/client", "internal/lab/localshop",
		"internal/lab/report", "internal/lab/shopper", "internal/local", "internal/money", "internal/payment/sandbox",
		"internal/verify",
	},
	"internal/lab/chaos": {
		"internal/account", "internal/catalog", "internal/database", "internal/database/embedded", "internal/inventory",
		"internal/lab/audit", "internal/lab/client", "internal/lab/history", "internal/lab/report", "internal/lab/shopper",
		"internal/money", "internal/order", "internal/outbox", "internal/payment", "internal/payment/sandbox", "internal/pod", "internal/verify",
		"schema",
	},
	"internal/lab/chaos/searching": {
		"internal/account", "internal/catalog", "internal/database", "internal/inventory", "internal/lab/client",
		"internal/lab/localshop", "internal/lab/shopper", "internal/local", "internal/search/indexer",
	},
	"internal/lab/outage": {
		"internal/account", "internal/catalog", "internal/database", "internal/inventory", "internal/lab/audit", "internal/lab/client",
		"internal/lab/localshop", "internal/lab/report", "internal/lab/shopper", "internal/local", "internal/money", "internal/verify",
	},
	"internal/testkit/seed": {"internal/database", "internal/testkit", "internal/testkit/databasetest"},
	"internal/testkit/shoptest": {
		"internal/cart", "internal/catalog", "internal/database", "internal/idempotency", "internal/inventory", "internal/money",
		"internal/order", "internal/payment", "internal/pricing", "internal/shipping", "internal/testkit",
		"internal/testkit/databasetest",
	},
	"cmd/meridian": {
		"geo/dns", "geo/rum", "internal/account", "internal/api", "internal/catalog", "internal/database", "internal/database/embedded",
		"internal/discovery", "internal/finance", "internal/finance/report", "internal/fx", "internal/invalid", "internal/inventory",
		"internal/lab/bench",
		"internal/lab/chaos", "internal/lab/chaos/searching", "internal/lab/demo", "internal/lab/eval", "internal/lab/outage",
		"internal/lab/predict", "internal/lab/replay", "internal/lab/report", "internal/local", "internal/local/pair", "internal/money",
		"internal/order", "internal/payment/sandbox", "internal/payment/stripe", "internal/pod",
		"internal/pricing", "internal/search", "internal/search/bleve", "internal/search/indexer",
		"internal/search/meilisearch", "internal/secret", "internal/serve", "internal/telemetry", "internal/verify", "schema",
	},
}

var leaves = []string{"regions", "geo"}

func TestArchitecture(t *testing.T) {
	output, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "meridian/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := make(map[string]bool)
	for line := range strings.Lines(string(output)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], "meridian/")
		seen[name] = true
		allowed, known := picture[name]
		if !known {
			t.Errorf("package %s is not in the picture: add it, with what it may import", name)
			continue
		}
		for _, imported := range fields[1:] {
			other, ours := strings.CutPrefix(imported, "meridian/")
			if ours && !slices.Contains(allowed, other) && !(slices.Contains(leaves, other) && !slices.Contains(leaves, name)) &&
				!(name == "geo" && other == "regions") {
				t.Errorf("%s imports %s: the picture has no such arrow", name, other)
			}
		}
	}
	for name := range picture {
		if !seen[name] {
			t.Errorf("package %s is in the picture but not in the tree", name)
		}
	}
}
