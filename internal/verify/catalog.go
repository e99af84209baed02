package verify

// catalogChecks cover what the shop sells.
var catalogChecks = []check{
	{
		name: "category_paths", about: "a category's path is its parent's and its own id", over: "categories",
		broken: `
SELECT '', c.id, 'its path is ' || c.path || ' at level ' || c.level::text || ', its parent''s ' || coalesce(p.path || ' at level '
  || p.level::text, 'missing')
FROM categories c
LEFT JOIN categories p ON p.id = c.parent_id
WHERE c.path <> coalesce(p.path, '/') || c.id || '/' OR (p.id IS NOT NULL AND c.level <> p.level + 1)`,
	},
	{
		name: "listing", about: "the listing has each active product in its category and the ones above, and nothing else",
		over: "category_products", prefix: "prd",
		broken: `
SELECT '', coalesce(w.product_id, l.product_id)::text,
  CASE WHEN l.product_id IS NULL THEN 'it is not listed in ' || w.category_id
  ELSE 'it is listed in ' || l.category_id || ', where it is not' END
FROM (
  SELECT a.id AS category_id, p.id AS product_id
  FROM products p
  JOIN categories c ON c.id = p.category_id
  CROSS JOIN LATERAL unnest(string_to_array(btrim(c.path, '/'), '/')) AS a (id)
  WHERE p.status = 'active'
) w
FULL JOIN category_products l ON l.category_id = w.category_id AND l.product_id = w.product_id
WHERE l.product_id IS NULL OR w.product_id IS NULL`,
	},
	{
		name: "active_products", about: "an active product has a SKU that is sold", over: "products", prefix: "prd",
		broken: `
SELECT '', p.id::text, 'none of its SKUs is active'
FROM products p
LEFT JOIN (
  SELECT DISTINCT product_id
  FROM skus
  WHERE status = 'active'
) k ON k.product_id = p.id
WHERE p.status = 'active' AND k.product_id IS NULL`,
	},
	{
		name: "line_products", about: "an order line is of a product that has the SKU", over: "order_lines", prefix: "ord",
		broken: `
SELECT l.region::text, l.order_id::text, 'line ' || l.line_no::text || ' is of SKU ' || l.sku || ', which is not of its product'
FROM order_lines l
LEFT JOIN skus k ON k.sku = l.sku AND k.product_id = l.product_id
WHERE k.sku IS NULL`,
	},
}
