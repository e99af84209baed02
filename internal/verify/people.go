package verify

import "meridian/regions"

// peopleChecks cover where personal data lives.
var peopleChecks = []check{
	{
		name: "account_homes", about: "an account is in the home region of its country", over: "accounts", prefix: "usr",
		args: homes,
		broken: `
SELECT a.region::text, a.id::text, 'customers of ' || a.country || ' are at home in ' || coalesce(h.region, 'no region')
FROM accounts a
LEFT JOIN unnest($1::text[], $2::text[]) AS h (country, region) ON h.country = a.country
WHERE h.region IS NULL OR h.region <> a.region::text`,
	},
	{
		name: "guest_order_homes", about: "a guest's order is in the home region of the country it goes to", over: "orders", prefix: "ord",
		args: homes,
		broken: `
SELECT o.region::text, o.id::text, 'guests of ' || o.country || ' are at home in ' || coalesce(h.region, 'no region')
FROM orders o
LEFT JOIN unnest($1::text[], $2::text[]) AS h (country, region) ON h.country = o.country
WHERE o.account_id IS NULL AND (h.region IS NULL OR h.region <> o.region::text)`,
	},
	{
		name: "account_rows", about: "addresses, sessions and orders are in the region of their account", over: "accounts", prefix: "usr",
		broken: `
SELECT x.region::text, x.account_id::text, 'there is no such account here, but one of its ' || x.what
FROM (
  SELECT region, account_id, 'addresses' AS what FROM addresses
  UNION ALL
  SELECT region, account_id, 'refresh tokens' FROM refresh_tokens
  UNION ALL
  SELECT region, account_id, 'orders' FROM orders WHERE account_id IS NOT NULL
) x
LEFT JOIN accounts a ON a.region = x.region AND a.id = x.account_id
WHERE a.id IS NULL`,
	},
	{
		name: "directory_accounts", about: "an entry of the e-mail directory is of an account with that address", over: "email_directory",
		prefix: "usr",
		broken: `
SELECT d.region::text, d.account_id::text,
  CASE WHEN a.id IS NULL THEN 'the directory names an account that is not there' ELSE 'the directory has another address of the account' END
FROM email_directory d
LEFT JOIN accounts a ON a.region = d.region AND a.id = d.account_id
WHERE a.id IS NULL OR a.email_hash <> d.email_hash`,
	},
	{
		name: "accounts_in_directory", about: "an account that is not closed is in the e-mail directory", over: "accounts", prefix: "usr",
		broken: `
SELECT a.region::text, a.id::text, 'its address is not in the directory, so nobody can sign in'
FROM accounts a
LEFT JOIN email_directory d ON d.email_hash = a.email_hash AND d.region = a.region AND d.account_id = a.id
WHERE a.status <> 'closed' AND d.email_hash IS NULL`,
	},
	{
		name: "sellers_of_accounts", about: "an account acts for a seller exactly if it has the role, and the seller is there",
		over: "accounts", prefix: "usr",
		broken: `
SELECT a.region::text, a.id::text,
  CASE WHEN a.seller_id IS NULL THEN 'it has the role seller, and no seller'
       WHEN s.id IS NULL THEN 'it acts for a seller that is not there'
       ELSE 'it acts for a seller without the role' END
FROM accounts a
LEFT JOIN sellers s ON s.id = a.seller_id
WHERE a.status <> 'closed'
  AND (('seller' = ANY(a.roles)) <> (a.seller_id IS NOT NULL) OR (a.seller_id IS NOT NULL AND s.id IS NULL))`,
	},
}

// homes returns the countries and their home regions as two arrays.
func homes(set *regions.Set) []any {
	var countries, names []string
	for _, region := range set.All() {
		for _, country := range region.Countries {
			countries, names = append(countries, country), append(names, region.Name)
		}
	}
	return []any{countries, names}
}
