// Package catalog holds what the shop sells: sellers, the category tree, products and their
// SKUs. Sellers write it, one product at a time or by importing a file; everyone reads it.
//
// What it promises:
//
//   - A SKU's code is unique in the whole shop and belongs to one product for ever. It is
//     archived when it leaves its product, never deleted: stock and orders refer to it.
//   - A product is a seller's, named by the seller's own key, which is unique per seller.
//     Its slug is made from its first title and never changes.
//   - Every edit raises the product's version by one; an edit that changes nothing in an
//     import raises nothing. The version is the ETag, and an edit names the one it is based on.
//   - category_products holds exactly one row for each active product and each category that
//     it is in, ancestors included, and nothing else. listed_at is when the product was last
//     put on sale and survives edits.
//   - What the public reads (GetProduct, ListProducts) is active products and active SKUs.
//   - An answer from memory is never older than MaxStaleness (two seconds): see below.
//   - An edit is all of it or none, with its event product.changed.
//   - Prices are package pricing's. An edit names all prices of the SKUs it names; an import sets those
//     it names and leaves others be. Prices that jump wait for a second person, while the rest is
//     applied (Gate).
//
// Locality: every table is GLOBAL, read locally and freshly everywhere, written slowly; but
// imports and import_errors are REGIONAL BY ROW, homed where the import runs. No table here
// holds personal data.
//
// Who may call: GetProduct, ListProducts and the category tree are for everyone. Functions
// that take a seller are for that seller alone, and do nothing to the products of another:
// the caller has checked who asks. CreateSeller and UpsertCategories are for administrators.
//
// # The cache
//
// GetProduct and Categories keep answers in memory. Watch asks the database each second what
// has changed, edits and ratings, and drops that; while it does not get an answer, or does not run, everything
// is read from the database. Whoever changes what a product's answer shows without going
// through this package, a price above all, queues QueueTouch in the same batch.
//
// # Imports
//
// Import reads a file of any size and upserts its products by the seller's key. Memory is
// bounded: a line is at most 1 MiB, products are applied in chunks of 200, and what is
// remembered of the lines before, to find duplicates, is at most a million keys and SKUs.
// (Beyond those a repeated key is a later edit of the same product, and a SKU that another
// product has is refused by the database's own knowledge of it.)
//
// Policy keep_good applies every good product and reports the bad lines. Policy
// all_or_nothing checks the whole file first and then applies it in one transaction, or does
// nothing; it takes at most 100,000 lines.
//
// The same file, imported again in the same region after a crash, goes on where it stopped:
// how far it is moves in the transaction that applies a chunk. Elsewhere it begins again, and
// finds what was applied unchanged.
//
// NDJSON has one product a line, prices in minor units (295 is £2.95); only key, title,
// category and skus must be there, and status is active unless said otherwise:
//
//	{"key":"MUG-1","title":"Mug","description":"","brand":"","category":"hg-3",
//	 "tax_category":"standard","status":"active","attributes":{"material":"china"},
//	 "images":["https://example.com/mug.jpg"],"skus":[{"sku":"MUG-1-RED","barcode":"",
//	 "options":{"colour":"red"},"weight_grams":310,"prices":{"GBP":295}}]}
//
// CSV has a header row and one SKU a row, prices in minor units too. Rows with the
// same key that follow each other are one product; the product's own columns may be left
// empty from its second row on, and must not contradict the first. Images are separated by
// semicolons. A column a currency, an option, an attribute:
//
//	key,title,description,brand,category,tax_category,status,images,sku,barcode,weight_grams,price_minor:GBP,option:colour,attribute:material
package catalog
