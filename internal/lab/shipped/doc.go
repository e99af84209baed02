// Command shipped makes the catalogue that comes with the shop (internal/catalog/shipped/data)
// from its sources in data: the product list of a real gift retailer and a sample of packaged
// food, placed in the Shopify category tree.
//
// What it promises, and its tests check:
//   - It writes the same files, in the same order, at every run.
//   - SKU codes and product keys are unique over gifts and food together.
//   - Every product's category is listed, and a category's parent stands before it.
//   - Prices are whole minor units above zero, computed in exact rational arithmetic.
//
// How products are placed, named and grouped is data, for a merchandiser to edit:
//
//	data/rules.csv   which words put a product into which category; first match wins
//	data/words.csv   colours, sizes, scents, designs, materials and occasions
//	data/titles.csv  words whose spelling in a title is special, and abbreviations
//
// After an edit, `go generate ./internal/lab/shipped` writes the catalogue again. Its
// categories and data/fx.csv are extracts of larger files, which the environment names when
// they are to be made again:
//
//	TAXONOMY=shopify_categories.csv.gz FX=ecb_eurofxref_daily.csv.gz go generate ./internal/lab/shipped
package main

//go:generate go run . -taxonomy=$TAXONOMY -fx=$FX
