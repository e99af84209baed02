// Package shipped holds the catalogue that comes with the shop: the products of a real gift
// retailer and a sample of packaged food, in the part of the Shopify category tree that they
// use. All of it is embedded.
//
// The files in data are generated: internal/lab/shipped makes them from their sources, and a
// test there compares them. README.md has the attribution that must stay with the data, and
// says what in it is real and what is for demonstration.
package shipped
