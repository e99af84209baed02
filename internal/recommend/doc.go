// Package recommend knows what shoppers of a region look at and buy, and shows others what they may like: what is
// bought together with a product, what sells best in its category, what is popular here, and for customers what goes
// with their own orders.
//
// What it promises:
//
//   - It never holds a shopper up, and never makes an answer fail. Events are counted in memory (Viewed, Added, Ordered)
//     and written some seconds later, many in one statement; what has no room is dropped and counted as dropped. Reading
//     is bounded by a deadline and a circuit breaker, and has two fallbacks (List.Degraded).
//   - Events hold nothing of a person: a product, what was done with it, and nothing else, not even when. They are
//     counted in the region whose pod saw them.
//   - What a customer bought is read from the customer's orders, in the home region's rows, for the one answer: it is
//     kept in no memory and written nowhere.
//   - What is recommended is on sale in that moment, each product once, and never the product it is recommended for.
//
// # Sums that forget
//
// An event's weight (view 1, view out of a search 2, put into a cart 5, ordered 20, whatever the quantity) is worth half
// as much after every HalfLife. Forward decay (G. Cormode, V. Shkapenyuk, D. Srivastava, B. Xu: Forward Decay: A
// Practical Time Decay Model for Streaming Systems, ICDE 2009) does so without touching rows that nothing happens to:
// instead of letting what is old shrink, what is new is added larger,
//
//	score = Σ weight · 2^((t − landmark) / HalfLife)
//
// with a landmark that never changes. At any moment the decayed sum is score · 2^−((now − landmark) / HalfLife), the same
// factor for every product: so scores are in the order of the decayed sums, now and for ever, unless something
// happens. A float64 has room for 2^1023: with 14 days that is 39 years from the landmark, less what the sum itself
// needs; 30 years with 2^200 to spare.
//
// Popularity is the score as a small number whose equal steps are equal ratios,
//
//	popularity = max(0, round(4 · log2(score)))
//
// so that most events change no popularity, and an index that holds it is written for products whose standing moved. It
// grows by 4 each HalfLife for a product that keeps its standing, as all do. PopularityOf says what one event of weight 1
// is worth at a moment: less than that is a product about which little was heard of late.
//
// # Bought together
//
// product_pairs sums, for each two products, the orders that held both, and product_popularity.orders those that held
// one, both forgetting by PairHalfLife. What goes with a product is in the order of the shrunk cosine
//
//	together(a, b) / (√(orders(a) · orders(b)) + β)
//
// The root keeps what is in every basket from being recommended with everything. β, two orders of today, keeps what was
// bought once, together with something, from coming before what is bought together all the time (as in Y. Koren:
// Factorization Meets the Neighborhood, KDD 2008, where similarities of few observations are shrunk).
//
// Locality: product_popularity and product_pairs are REGIONAL BY ROW, in the region where it happened.
//
// Who calls: the API notes events and reads; pods run Run; search's indexers read product_popularity.
package recommend
