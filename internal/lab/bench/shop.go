package bench

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
)

// browse reads one product of the spread. After the warm-up the shop has it in memory.
func browse(ctx context.Context, v *visitor) error {
	id := v.goods.products[v.rand.IntN(len(v.goods.products))]
	return v.read(ctx, "product", productPath(id))
}

func productPath(id string) string { return "/v1/products/" + id }

// read makes a call without decoding its answer: what a client makes of it is not measured.
func (v *visitor) read(ctx context.Context, call, path string) error {
	return v.as(call).Client.Do(ctx, http.MethodGet, path, client.By{}, "", nil, nil)
}

// readAll reads each product of the spread once in each market, so that every region has all
// of them in memory.
func readAll(ctx context.Context, visitors []*visitor, markets int) error {
	inEach := max(len(visitors)/markets, 1)
	faults := make([]error, len(visitors))
	var running sync.WaitGroup
	for i, v := range visitors { // those of one market are markets apart
		running.Go(func() {
			for n := i / markets; n < len(v.goods.products) && faults[i] == nil; n += inEach {
				faults[i] = v.read(ctx, "product", productPath(v.goods.products[n]))
			}
		})
	}
	running.Wait()
	return errors.Join(faults...)
}

// cartLife creates a guest's cart with its lines, reads it, and doubles the first line: three
// calls.
func cartLife(ctx context.Context, v *visitor) error {
	p, err := v.newCart(ctx, false)
	if err != nil {
		return err
	}
	if err := v.as("read cart").ReadCart(ctx, p); err != nil {
		return err
	}
	return v.changeCart(ctx, p)
}

// newCart creates a cart with one unit of each article drawn.
func (v *visitor) newCart(ctx context.Context, hot bool) (*shopper.Purchase, error) {
	var lines []client.Line
	for _, a := range v.goods.draw(v.rand, hot) {
		lines = append(lines, client.Line{SKU: a.sku, Quantity: 1})
	}
	return v.as("create cart").NewCart(ctx, "", lines)
}

func (v *visitor) changeCart(ctx context.Context, p *shopper.Purchase) error {
	return v.as("change cart").Client.Do(ctx, http.MethodPost, "/v1/carts/"+p.Cart.ID+"/lines", p.By(), "", p.Lines[0], nil)
}

// checkout places one order of random SKUs. Its payment settles by webhook, in the background.
func checkout(ctx context.Context, v *visitor) error {
	_, err := v.buy(ctx, false, "card_success")
	return err
}

// hotSKU is like checkout, with the same SKU in the first line of every order.
func hotSKU(ctx context.Context, v *visitor) error {
	_, err := v.buy(ctx, true, "card_success")
	return err
}

func (v *visitor) buy(ctx context.Context, hot bool, card string) (*shopper.Purchase, error) {
	p, err := v.newCart(ctx, hot)
	if err == nil {
		err = v.as("checkout").Checkout(ctx, "", p, card)
	}
	return p, err
}

// abandonCart creates a cart that nobody orders.
func abandonCart(ctx context.Context, v *visitor) error {
	_, err := v.newCart(ctx, false)
	return err
}

func availability(ctx context.Context, v *visitor) error {
	sku := v.goods.articles[v.rand.IntN(len(v.goods.articles))].sku
	return v.read(ctx, "availability", "/v1/skus/"+url.PathEscape(sku)+"/availability")
}

func categories(ctx context.Context, v *visitor) error {
	return v.read(ctx, "categories", "/v1/categories")
}

// listingPage is the number of products on a page of a listing.
const listingPage = 20

func listing(ctx context.Context, v *visitor) error {
	category := v.goods.categories[v.rand.IntN(len(v.goods.categories))]
	query := url.Values{"category": {category}, "limit": {strconv.Itoa(listingPage)}}
	return v.read(ctx, "listing", "/v1/products?"+query.Encode())
}
