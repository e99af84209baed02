package local

import (
	"fmt"
	"net/http"
	"testing"

	"meridian/internal/search"
	"meridian/internal/search/indexer"
	"meridian/internal/testkit"
	"meridian/regions"
)

// TestSearch_ShowsWhatProductsDo fills every region's index from the database and holds each document against the
// product as the region's API shows it: the least of its SKUs' prices in each market, and whether it is in stock there.
func TestSearch_ShowsWhatProductsDo(t *testing.T) {
	s := openShop(t, nil)
	skus := []string{"S-1", "S-2", "S-3"}
	s.sell(t, skus...)
	stocked := map[string]search.Stock{"S-1": search.StockIn, "S-2": search.StockLow, "S-3": search.StockOut}
	for _, region := range s.config.Regions.All() {
		s.receive(t, "S-1", region.Warehouses[0].Code, 50)
		s.receive(t, "S-2", region.Warehouses[0].Code, 2)
	}
	for _, region := range s.config.Regions.Names() {
		for sku, card := range s.indexed(t, region, len(skus), stocked) {
			if len(card.Prices) != 10 {
				t.Errorf("%s in %s has prices in %d markets", sku, region, len(card.Prices))
			}
			for market, minor := range card.Prices {
				if shown := s.shownPrice(t, region, card, market); shown != minor {
					t.Errorf("%s in %s costs %d in %s, and its page shows %d", sku, region, minor, market, shown)
				}
			}
		}
	}
}

// indexed waits until a region's index has n documents with the stock that is wanted, and returns them by their title's SKU.
func (s *Shop) indexed(t *testing.T, region string, n int, stocked map[string]search.Stock) map[string]search.Card {
	t.Helper()
	var cards map[string]search.Card
	testkit.Eventually(t, "the index of "+region, func() bool {
		found, err := s.SearchStore(region).Live().Search(t.Context(), search.Query{Limit: 100})
		cards = make(map[string]search.Card)
		right := err == nil
		for _, hit := range found.Hits {
			var sku string
			_, _ = fmt.Sscanf(hit.Document.Title, "Product %s", &sku)
			cards[sku] = hit.Document
			right = right && hit.Document.Stock == stocked[sku]
		}
		return right && len(cards) == n
	})
	return cards
}

// shownPrice is the least price of a product's SKUs on its page.
func (s *Shop) shownPrice(t *testing.T, region string, card search.Card, market string) int64 {
	t.Helper()
	var page struct {
		SKUs []struct {
			Price *struct {
				AmountMinor int64 `json:"amount_minor"`
			} `json:"price"`
		} `json:"skus"`
	}
	id := regions.FormatGlobalID(regions.ProductPrefix, card.ID)
	status, _, err := call(t.Context(), http.MethodGet, s.RegionURL(region)+"/v1/products/"+id+"?market="+market, "", nil, &page)
	if err != nil || status != http.StatusOK || len(page.SKUs) == 0 {
		t.Fatalf("the page of %s answers %d, %v", id, status, err)
	}
	least := int64(-1)
	for _, sku := range page.SKUs {
		if sku.Price != nil && (least < 0 || sku.Price.AmountMinor < least) {
			least = sku.Price.AmountMinor
		}
	}
	return least
}

// TestSearch_RegionLost: a region's feed comes back with the region, and goes on where it was.
func TestSearch_RegionLost(t *testing.T) {
	s := openShop(t, nil)
	s.sell(t, "S-1", "S-2")
	stocked := map[string]search.Stock{"S-1": search.StockOut, "S-2": search.StockOut}
	s.indexed(t, "eu-west", 2, stocked)
	<-s.Ready()
	testkit.NoError(t, s.StopRegion(t.Context(), "eu-west"))
	if s.SearchStore("eu-west") != nil {
		t.Error("a lost region has an index")
	}
	s.receive(t, "S-1", s.config.Regions.All()[0].Warehouses[0].Code, 1)
	for _, region := range s.config.Regions.All() {
		if region.Name == "eu-west" {
			s.receive(t, "S-2", region.Warehouses[0].Code, 9)
		}
	}
	testkit.NoError(t, s.StartRegion(t.Context(), "eu-west"))
	stocked["S-2"] = search.StockIn
	s.indexed(t, "eu-west", 2, stocked)
	replicas, err := indexer.Replicas(t.Context(), s.primary().DB, []string{"eu-west"})
	if err != nil || len(replicas) != 1 || replicas[0].State == indexer.StateStopped {
		t.Errorf("the region's indexes are %+v, %v", replicas, err)
	}
}
