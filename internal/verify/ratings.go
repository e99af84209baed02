package verify

// ratingChecks cover customers' ratings of products.
var ratingChecks = []check{
	{
		name: "product_ratings", about: "a product's rating is the sum of what its customers gave it", over: "product_ratings", prefix: "prd",
		broken: `
SELECT '', coalesce(s.product_id, r.product_id)::text,
  'it counts ' || coalesce(s.ratings, 0)::text || ' ratings with ' || coalesce(s.stars_sum, 0)::text || ' stars, of '
  || coalesce(r.ratings, 0)::text || ' with ' || coalesce(r.stars, 0)::text
FROM product_ratings s
FULL JOIN (
  SELECT product_id, count(*) AS ratings, sum(stars) AS stars
  FROM ratings
  GROUP BY product_id
) r ON r.product_id = s.product_id
WHERE coalesce(s.ratings, 0) <> coalesce(r.ratings, 0) OR coalesce(s.stars_sum, 0) <> coalesce(r.stars, 0)`,
	},
	{
		name: "ratings_counted", about: "a rating is counted with the stars that it has", over: "ratings", prefix: "prd",
		broken: `
SELECT '', r.product_id::text, 'a rating of ' || r.stars::text || ' stars in ' || r.region::text || ' is counted as ' || r.counted::text
FROM ratings r
WHERE r.counted <> r.stars`,
	},
	{
		name: "rating_homes", about: "a rating is in the region of its customer, whose it is until the account is closed", over: "ratings",
		prefix: "usr",
		broken: `
SELECT a.region::text, a.id::text, CASE WHEN a.region <> r.region THEN 'its rating is in ' || r.region::text
  ELSE 'it is closed, and its rating still its' END
FROM ratings r
JOIN accounts a ON a.id = r.account_id
WHERE a.region <> r.region OR a.status = 'closed'`,
	},
}
