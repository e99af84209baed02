// Package rum turns the round trips that shoppers measure (real-user measurements) into one figure for each country and
// region, by which the ranking of regions is corrected.
//
// What it promises:
//
//   - No address is kept. A network (a /24 or a /48) is known by a hash whose key is drawn at random for each period, and
//     thrown away with everything that was kept under it.
//   - A network has one vote in a period, the median of what its clients sent, and a country's figure is the median of
//     the votes. A figure needs the votes of at least MinNetworks: neither outliers nor one busy network decide.
//   - Memory is bounded, whoever posts whatever. What there is no room for is dropped.
//   - Figures fade: a new one counts as much as all before it, and one that is not renewed for a day is dropped.
package rum
