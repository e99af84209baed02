package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
)

// A searchSeller sells the products that are searched for. It is safe for concurrent use.
type searchSeller struct {
	api     client.Client
	account *shopper.Account
}

// newSearchSeller registers a seller's account and puts the categories of its products, as an admin.
func newSearchSeller(ctx context.Context, c SearchConfig, categories map[string]string) (*searchSeller, error) {
	s := &searchSeller{api: client.Client{Base: c.RegionURLs[c.Region], HTTP: client.NewHTTP(c.Edits), Attempts: 3}}
	admin, err := s.api.SignIn(ctx, c.OperatorEmail, c.OperatorPassword)
	if err != nil {
		return nil, fmt.Errorf("sign the operator in: %w", err)
	}
	home, _ := c.Regions.Get(c.Region)
	s.account = shopper.NewAccount(client.RegisterInput{
		Email: "seller-" + client.NewKey()[:12] + "@example.com", Password: client.NewKey(), Name: "Benchmark", Country: countryOf(home,
			c.Regions),
	}, client.Session{})
	if err := s.account.Register(ctx, &s.api, ""); err != nil {
		return nil, fmt.Errorf("register a seller: %w", err)
	}
	if err := s.putCategories(ctx, admin.By(), categories); err != nil {
		return nil, err
	}
	var seller struct {
		ID string `json:"id"`
	}
	body := map[string]any{"slug": "bench-search", "name": "Benchmark"}
	if err := s.api.Do(ctx, http.MethodPost, "/v1/admin/sellers", admin.By(), "", body, &seller); err != nil {
		return nil, err
	}
	err = s.api.Do(ctx, http.MethodPut, "/v1/admin/accounts/"+s.account.Session().Account.ID+"/roles", admin.By(), "",
		map[string]any{"roles": []string{"seller"}, "seller_id": seller.ID}, nil)
	if err != nil {
		return nil, err
	}
	return s, s.account.SignIn(ctx, &s.api) // roles are in the token
}

func (s *searchSeller) putCategories(ctx context.Context, admin client.By, names map[string]string) error {
	list := []any{map[string]any{"code": searchRoot, "name": names[searchRoot]}}
	for _, id := range slices.Sorted(maps.Keys(names)) {
		if id != searchRoot {
			list = append(list, map[string]any{"code": id, "parent": searchRoot, "name": names[id]})
		}
	}
	return s.api.Do(ctx, http.MethodPut, "/v1/admin/categories", admin, "", map[string]any{"categories": list}, nil)
}

// importGoods sends products as one file, and returns when the shop has written them all.
func (s *searchSeller) importGoods(ctx context.Context, goods []searchGood) error {
	file, err := ndjson(goods)
	if err != nil {
		return err
	}
	return s.account.Do(ctx, &s.api, func(by client.By) error { return s.sendImport(ctx, by, file, len(goods)) })
}

func (s *searchSeller) sendImport(ctx context.Context, by client.By, file []byte, products int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		s.api.Base+"/v1/seller/imports?format=ndjson&policy=keep_good", bytes.NewReader(file))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("Authorization", "Bearer "+by.AccessToken)
	request.Header.Set("Idempotency-Key", client.NewKey())
	response, err := new(http.Client).Do(request) // without a timeout: it takes as long as it takes
	if err != nil {
		return fmt.Errorf("import %d products: %w", products, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("import %d products: %w", products, err)
	}
	var report struct {
		Written int `json:"products_written"`
	}
	_ = json.Unmarshal(text, &report) // what is no report has written nothing
	if response.StatusCode != http.StatusOK || report.Written != products {
		return fmt.Errorf("import %d products: %d written, status %d: %.500s", products, report.Written, response.StatusCode, text)
	}
	return nil
}

// A listed is one of the seller's products, as the shop has it.
type listed struct {
	ID      string `json:"id"`
	Key     string `json:"key"`
	Version int64  `json:"version"`
}

// list returns n of the seller's products.
func (s *searchSeller) list(ctx context.Context, n int) ([]listed, error) {
	var all []listed
	query := url.Values{"limit": {"100"}, "status": {"active"}}
	for len(all) < n {
		var page struct {
			Products   []listed `json:"products"`
			NextCursor string   `json:"next_cursor"`
		}
		err := s.account.Do(ctx, &s.api, func(by client.By) error {
			return s.api.Do(ctx, http.MethodGet, "/v1/seller/products?"+query.Encode(), by, "", nil, &page)
		})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Products...)
		if page.NextCursor == "" {
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	return all[:min(n, len(all))], nil
}

// replace writes a product anew.
func (s *searchSeller) replace(ctx context.Context, of listed, good searchGood) error {
	api := s.api
	api.Header = http.Header{"If-Match": {`"v` + strconv.FormatInt(of.Version, 10) + `"`}}
	return s.account.Do(ctx, &s.api, func(by client.By) error {
		return api.Do(ctx, http.MethodPut, "/v1/seller/products/"+of.ID, by, "", good, nil)
	})
}
