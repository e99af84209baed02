package recommend

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/order"
	"meridian/regions"
)

// candidates is how many products are read for a list: enough to fill one where some of them are no longer on sale.
const candidates = 2 * MaxLimit

// queueBonds reads what is on sale of what was bought together with a product, at most a hundred others.
func (r *Recommender) queueBonds(b *database.Batch, product uuid.UUID, into *[]bond) {
	b.Queue(`
SELECT p.product_id, p.other_id, p.score, s.orders, o.orders
FROM product_popularity s
CROSS JOIN LATERAL (
  SELECT n.product_id, n.other_id, n.score
  FROM product_pairs n
  WHERE n.region = s.region AND n.product_id = s.product_id
  ORDER BY n.score DESC
  LIMIT $3::int8
) p
JOIN product_popularity o ON o.region = s.region AND o.product_id = p.other_id
JOIN `+catalog.ProductsSQL+` q ON q.id = p.other_id AND q.on_sale
WHERE s.region = $1 AND s.product_id = $2`, r.db.Region(), product, pruneFrom).Query(database.Collect(into, scanBond))
}

func scanBond(row pgx.CollectableRow) (b bond, err error) {
	err = row.Scan(&b.product, &b.other, &b.together, &b.orders, &b.othersOrders)
	return b, err
}

// queueCategory reads the best sellers of a product's category in the region, and what is new there.
func (r *Recommender) queueCategory(b *database.Batch, product uuid.UUID, best *[]seller, fresh *[]uuid.UUID) {
	b.Queue(`
SELECT n.product_id, n.score
FROM `+catalog.ProductsSQL+` p
CROSS JOIN LATERAL (
  SELECT s.product_id, s.score
  FROM product_popularity s
  -- the row may be older than the product's place
  JOIN `+catalog.ProductsSQL+` o ON o.id = s.product_id AND o.category_id = s.category_id AND o.on_sale
  WHERE s.region = $1 AND s.category_id = p.category_id
  ORDER BY s.popularity DESC, s.product_id
  LIMIT $3::int8
) n
WHERE p.id = $2`, r.db.Region(), product, candidates).Query(database.Collect(best, scanSeller))
	catalog.QueueNewestBeside(b, product, candidates, fresh)
}

func scanSeller(row pgx.CollectableRow) (s seller, err error) {
	err = row.Scan(&s.product, &s.score)
	return s, err
}

// queueRegion reads the best sellers of the region, and what is new in the shop.
func (r *Recommender) queueRegion(b *database.Batch, best *[]seller, fresh *[]uuid.UUID) {
	b.Queue(`
SELECT s.product_id, s.score
FROM product_popularity s
JOIN `+catalog.ProductsSQL+` o ON o.id = s.product_id AND o.on_sale
WHERE s.region = $1
ORDER BY s.popularity DESC, s.product_id
LIMIT $2::int8`, r.db.Region(), candidates).Query(database.Collect(best, scanSeller))
	catalog.QueueNewest(b, candidates, fresh)
}

// Bounds of how much of a customer's history is looked at.
const (
	maxOwnOrders   = 20
	maxOwnProducts = 50
	maxBondsOfOwn  = 20
)

// queueOwn reads what a customer's last orders hold, out of the home region's rows, and what was bought together with it
// in this region.
func (r *Recommender) queueOwn(b *database.Batch, customer regions.Ref, own *[]uuid.UUID, bonds *[]bond) {
	args := []any{customer.Region, customer.ID, maxOwnOrders, maxOwnProducts}
	b.Queue(order.LatestProductsSQL, args...).Query(database.Collect(own, pgx.RowTo[uuid.UUID]))
	// $1 = home region, $2 = account, $3 = most orders, $4 = most products, $5 = this region, $6 = most others of each
	b.Queue(`
SELECT p.product_id, p.other_id, p.score, s.orders, o.orders
FROM (`+order.LatestProductsSQL+`
) mine
JOIN product_popularity s ON s.region = $5 AND s.product_id = mine.product_id
CROSS JOIN LATERAL (
  SELECT n.product_id, n.other_id, n.score
  FROM product_pairs n
  WHERE n.region = $5 AND n.product_id = mine.product_id
  ORDER BY n.score DESC
  LIMIT $6::int8
) p
JOIN product_popularity o ON o.region = $5 AND o.product_id = p.other_id
JOIN `+catalog.ProductsSQL+` q ON q.id = p.other_id AND q.on_sale`,
		append(args, r.db.Region(), maxBondsOfOwn)...).Query(database.Collect(bonds, scanBond))
}

// readRelated reads all that goes with a product.
func (r *Recommender) readRelated(ctx context.Context, product uuid.UUID) (related, error) {
	var found related
	var bonds []bond
	var best []seller
	err := r.read(ctx, func(b *database.Batch) error {
		found, bonds, best = related{}, nil, nil
		catalog.QueueCategoryOf(b, product, &found.category, &found.onSale)
		r.queueBonds(b, product, &bonds)
		r.queueCategory(b, product, &best, &found.fresh)
		return nil
	})
	if err != nil {
		return related{}, err
	}
	found.at = r.now()
	found.bestSellers.at = found.at
	found.together = rankBonds(bonds, nil, found.at)
	found.together = found.together[:min(len(found.together), candidates)]
	found.best = rankSellers(best)
	return found, nil
}
