// Package shipped is the catalogue that comes with the shop: the products of a real
// gift retailer and a sample of packaged food, placed in the part of the Shopify
// category tree that they need. All of it is embedded; nothing is read from disk.
//
// What it promises:
//   - Every function returns the same answer, in the same order, at every call.
//   - SKU codes and product keys are unique over Gifts and Food together.
//   - Every product's category is in Categories, and a category's parent stands before it.
//   - Prices are whole minor units above zero, worked out in exact rational arithmetic.
//
// How products are placed, named and grouped is data, for a merchandiser to edit:
//
//	data/rules.csv   which words put a product into which category; first match wins
//	data/words.csv   colours, sizes, scents, designs, materials and occasions
//	data/titles.csv  words whose spelling in a title is special, and abbreviations
//
// data/categories.csv and data/fx.csv are extracts of larger files; after a change of
// the rules, `go generate` makes them again from the files named in the environment:
//
//	TAXONOMY=shopify_categories.csv.gz FX=ecb_eurofxref_daily.csv.gz go generate
//
// Prices of food, and all stock, are demonstration figures. README.md says so, says how
// they are made, and carries the attribution that has to stay with the data.
package shipped

//go:generate go run generate.go -taxonomy=$TAXONOMY -fx=$FX
