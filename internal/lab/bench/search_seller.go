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
	"sync"
	"time"

	"meridian/internal/lab/client"
)

// A searchSeller sells the products that are searched for. It is safe for concurrent use.
type searchSeller struct {
	api             client.Client
	email, password string

	mu      sync.Mutex
	session client.Session
}

// newSearchSeller makes a seller's account and the categories of its products, as an admin.
func newSearchSeller(ctx context.Context, c SearchConfig, categories map[string]string) (*searchSeller, error) {
	s := &searchSeller{
		api:   client.Client{Base: c.RegionURLs[c.Region], HTTP: client.NewHTTP(c.Edits), Attempts: 3},
		email: "seller-" + client.NewKey()[:12] + "@example.com", password: client.NewKey(),
	}
	admin, err := s.api.SignIn(ctx, c.OperatorEmail, c.OperatorPassword)
	if err != nil {
		return nil, fmt.Errorf("sign the operator in: %w", err)
	}
	home, _ := c.Regions.Get(c.Region)
	who, err := s.api.Register(ctx, "", client.RegisterInput{Email: s.email, Password: s.password, Name: "Benchmark", Country: countryOf(home, c.Regions)})
	if err != nil {
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
	err = s.api.Do(ctx, http.MethodPut, "/v1/admin/accounts/"+who.Account.ID+"/roles", admin.By(), "",
		map[string]any{"roles": []string{"seller"}, "seller": seller.ID}, nil)
	return s, err
}

func (s *searchSeller) putCategories(ctx context.Context, admin client.By, names map[string]string) error {
	list := []any{map[string]any{"id": searchRoot, "name": names[searchRoot]}}
	for _, id := range slices.Sorted(maps.Keys(names)) {
		if id != searchRoot {
			list = append(list, map[string]any{"id": id, "parent_id": searchRoot, "name": names[id]})
		}
	}
	return s.api.Do(ctx, http.MethodPut, "/v1/admin/categories", admin, "", map[string]any{"categories": list}, nil)
}

// signedInFor is for how long a token must be good still, to be used.
const signedInFor = time.Minute

// by is who calls: tokens hold for minutes only, and runs are longer.
func (s *searchSeller) by(ctx context.Context) (client.By, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Until(s.session.ExpiresAt) > signedInFor {
		return s.session.By(), nil
	}
	var err error
	if s.session, err = s.api.SignIn(ctx, s.email, s.password); err != nil {
		return client.By{}, fmt.Errorf("sign the seller in: %w", err)
	}
	return s.session.By(), nil
}

// importGoods sends products as one file, and returns when the shop has written them all.
func (s *searchSeller) importGoods(ctx context.Context, goods []searchGood) error {
	file, err := ndjson(goods)
	if err != nil {
		return err
	}
	by, err := s.by(ctx)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.api.Base+"/v1/seller/imports?format=ndjson&policy=keep_good", bytes.NewReader(file))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("Authorization", "Bearer "+by.AccessToken)
	request.Header.Set("Idempotency-Key", client.NewKey())
	response, err := new(http.Client).Do(request) // without a timeout: it takes as long as it takes
	if err != nil {
		return fmt.Errorf("import %d products: %w", len(goods), err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("import %d products: %w", len(goods), err)
	}
	var report struct {
		Written int `json:"products_written"`
	}
	_ = json.Unmarshal(text, &report) // what is no report has written nothing
	if response.StatusCode != http.StatusOK || report.Written != len(goods) {
		return fmt.Errorf("import %d products: %d written, status %d: %.500s", len(goods), report.Written, response.StatusCode, text)
	}
	return nil
}

// A listed is one of the seller's products, as the shop has it.
type listed struct {
	ID      string `json:"id"`
	Key     string `json:"key"`
	Version int64  `json:"version"`
}

// list reads n of the seller's products.
func (s *searchSeller) list(ctx context.Context, n int) ([]listed, error) {
	by, err := s.by(ctx)
	if err != nil {
		return nil, err
	}
	var all []listed
	query := url.Values{"limit": {"100"}, "status": {"active"}}
	for len(all) < n {
		var page struct {
			Products   []listed `json:"products"`
			NextCursor string   `json:"next_cursor"`
		}
		if err := s.api.Do(ctx, http.MethodGet, "/v1/seller/products?"+query.Encode(), by, "", nil, &page); err != nil {
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

// replace writes a product as it is to be.
func (s *searchSeller) replace(ctx context.Context, of listed, good searchGood) error {
	by, err := s.by(ctx)
	if err != nil {
		return err
	}
	api := s.api
	api.Header = http.Header{"If-Match": {`"v` + strconv.FormatInt(of.Version, 10) + `"`}}
	return api.Do(ctx, http.MethodPut, "/v1/seller/products/"+of.ID, by, "", good, nil)
}
