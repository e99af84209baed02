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
	"regions": nil,
	"geo":     {"internal/serve"},

	"internal/invalid":     nil,
	"internal/money":       nil,
	"internal/database":    nil,
	"internal/secret":      nil,
	"internal/serve":       nil,
	"internal/telemetry":   {"internal/serve"},
	"schema":               {"internal/database"},
	"schema/portability":   nil,
	"internal/outbox":      {"internal/database"},
	"internal/idempotency": {"internal/database"},

	"internal/database/embedded":    nil,
	"internal/testkit/databasetest": {"internal/database", "internal/database/embedded", "schema"},

	"internal/fx":                 {"internal/invalid", "internal/money", "internal/database"},
	"internal/promotion":          {"internal/invalid", "internal/money", "internal/database"},
	"internal/pricing":            {"internal/money", "internal/database", "internal/fx", "internal/promotion", "internal/secret"},
	"internal/shipping":           {"internal/money"},
	"internal/catalog":            {"internal/invalid", "internal/money", "internal/database", "internal/outbox", "internal/idempotency", "internal/pricing", "internal/rating"},
	"internal/catalog/shipped":    nil,
	"internal/search/bleve":       {"internal/search"},
	"internal/lab/eval":           {"internal/catalog/shipped", "internal/lab/report", "internal/search"},
	"internal/search":             {"internal/invalid", "internal/money", "internal/database", "internal/telemetry"},
	"internal/search/plain":       {"internal/catalog", "internal/search"},
	"internal/search/meilisearch": {"internal/search"},
	"internal/testkit/searchtest": {"internal/money", "internal/search"},
	"internal/search/indexer": {
		"internal/database", "internal/catalog", "internal/inventory", "internal/pricing", "internal/search",
	},
	"internal/inventory": {"internal/invalid", "internal/database", "internal/outbox", "internal/idempotency", "internal/catalog"},
	"internal/rating":    {"internal/database"},
	"internal/recommend": {"internal/database", "internal/catalog", "internal/order"},
	"internal/account":   {"internal/invalid", "internal/secret", "internal/database", "internal/outbox", "internal/idempotency", "internal/catalog", "internal/rating"},
	"internal/cart": {
		"internal/invalid", "internal/money", "internal/database", "internal/idempotency",
		"internal/account", "internal/catalog", "internal/inventory", "internal/pricing", "internal/pricing/changes", "internal/promotion", "internal/shipping",
	},
	"internal/payment":         {"internal/money", "internal/database", "internal/outbox"},
	"internal/payment/sandbox": {"internal/money", "internal/payment", "internal/serve"},
	"internal/payment/stripe":  {"internal/money", "internal/payment"},
	"internal/testkit/paymenttest": {
		"internal/money", "internal/payment",
	},
	"internal/order": {
		"internal/money", "internal/database", "internal/outbox", "internal/idempotency", "internal/secret",
		"internal/account", "internal/cart", "internal/catalog", "internal/inventory", "internal/payment", "internal/pricing", "internal/promotion",
		"internal/rating", "internal/shipping",
	},
	"internal/verify": {"internal/database"},
	"internal/finance": {
		"internal/invalid", "internal/money", "internal/database", "internal/idempotency", "internal/catalog", "internal/pricing", "internal/promotion",
	},
	"internal/finance/report": {"internal/invalid", "internal/money", "internal/database"},

	"internal/api": {
		"internal/invalid", "internal/money", "internal/database", "internal/idempotency", "internal/secret", "internal/serve", "internal/telemetry",
		"internal/account", "internal/cart", "internal/catalog", "internal/finance", "internal/finance/report", "internal/fx", "internal/inventory",
		"internal/order", "internal/payment", "internal/pricing", "internal/promotion", "internal/rating", "internal/recommend", "internal/search", "internal/shipping",
	},
	"internal/testkit/apitest": nil,
	"internal/pod": {
		"schema", "internal/database", "internal/idempotency", "internal/outbox", "internal/secret", "internal/telemetry",
		"internal/account", "internal/api", "internal/cart", "internal/catalog", "internal/finance", "internal/fx", "internal/inventory", "internal/order",
		"internal/payment", "internal/payment/sandbox", "internal/payment/stripe", "internal/pricing", "internal/rating", "internal/recommend", "internal/search", "internal/search/bleve", "internal/search/indexer",
		"internal/search/meilisearch", "internal/search/plain", "internal/shipping", "internal/verify",
	},
	"internal/local": {
		"schema", "internal/account", "internal/api", "internal/catalog", "internal/catalog/shipped", "internal/database",
		"internal/database/embedded", "internal/fx", "internal/inventory", "internal/payment/sandbox", "internal/pod", "internal/search", "internal/search/bleve", "internal/search/indexer", "internal/telemetry",
	},
	"internal/lab/client":    nil,
	"internal/lab/shopper":   {"internal/lab/client"},
	"internal/lab/report":    {"internal/lab/client"},
	"internal/lab/audit":     {"internal/database", "internal/lab/client", "internal/verify"},
	"internal/lab/localshop": {"internal/local"},
	"internal/lab/shipped":   {"internal/catalog/shipped", "internal/money"},
	"internal/lab/bench": {
		"internal/lab/audit", "internal/lab/client", "internal/lab/report", "internal/lab/shopper", "internal/cart", "internal/catalog", "internal/database",
		"internal/fx", "internal/inventory", "internal/money", "internal/order", "internal/pricing", "internal/search", "internal/search/bleve", "internal/search/indexer",
		"internal/verify",
	},
	"internal/lab/replay": {"internal/money", "internal/catalog/shipped", "internal/lab/client", "internal/lab/report", "internal/lab/shopper"},
	"internal/lab/demo": {
		"internal/account", "internal/lab/audit", "internal/lab/client", "internal/lab/localshop", "internal/lab/report", "internal/lab/shopper",
		"internal/database", "internal/local", "internal/money", "internal/payment/sandbox", "internal/verify",
	},
	"internal/lab/chaos": {
		"schema", "internal/account", "internal/catalog", "internal/lab/audit", "internal/lab/client", "internal/lab/report", "internal/lab/shopper",
		"internal/database", "internal/database/embedded", "internal/inventory", "internal/money", "internal/order", "internal/outbox", "internal/payment",
		"internal/payment/sandbox", "internal/pod", "internal/verify",
	},
	"internal/lab/chaos/searching": {
		"internal/account", "internal/catalog", "internal/lab/client", "internal/lab/localshop", "internal/lab/shopper", "internal/database", "internal/inventory",
		"internal/local", "internal/money", "internal/search/indexer",
	},
	"cmd/meridian": {
		"schema", "internal/lab/bench", "internal/lab/report", "internal/lab/chaos/searching", "internal/invalid", "internal/account", "internal/api", "internal/catalog", "internal/lab/chaos", "internal/database", "internal/database/embedded", "internal/lab/demo", "internal/finance", "internal/finance/report", "internal/fx", "internal/inventory", "internal/money",
		"internal/local", "internal/payment/sandbox", "internal/payment/stripe", "internal/pod", "internal/lab/replay", "internal/secret", "internal/serve", "internal/telemetry", "internal/verify",
		"internal/search", "internal/search/bleve", "internal/lab/eval", "internal/search/indexer", "internal/search/meilisearch",
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
			if ours && !slices.Contains(allowed, other) && !(slices.Contains(leaves, other) && !slices.Contains(leaves, name)) && !(name == "geo" && other == "regions") {
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
