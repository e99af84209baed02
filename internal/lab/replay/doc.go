// Package replay sends the order stream of a real shop through Meridian's HTTP API: registrations, carts, checkouts,
// payments, cancellations, returns and corrections of stock, in the order and with the baskets of the file.
//
// The file is CSV, plain or compressed with gzip, a line of an invoice a row, with a header that names the columns
// invoice, kind, ts_local, customer_id, country_iso2, sku, line_kind, qty and unit_price_gbp in any order. It is read as a
// stream, twice: once to know what it needs (survey.go), once to replay it. Any file is accepted: what cannot be replayed
// is counted under a reason and passed over, line by line.
//
// How the file is replayed:
//
//   - Lines belong to an invoice by its number. Lines of invoices that overlap in time are put together; a number that
//     comes back much later is an invoice of its own.
//   - An order's product lines are bought, units of one SKU taken together, at the shop's own prices: the file's prices are
//     not used. Lines that are no goods (carriage, discount, manual …) are passed over as not_goods; an order without goods
//     is rejected as no_products. A cart has at most 100 lines of at most 10,000 units, which is the shop's limit, so a
//     larger invoice becomes several orders of one buyer, one after the other: the stream is then served whole, which
//     rejecting it would not do.
//   - SKUs that the shop does not have (the file names none of its articles, and another half-year sells others) are put on
//     sale first, by a seller of this run, as "Article 12345" at the file's own most frequent price: a replay that rejected
//     them would leave out a good part of the orders. One that never had a price is rejected, as unknown_sku.
//   - A customer number is one account, registered when first seen. Without a number it is a guest's order. Whoever comes
//     from the file's home country, the United Kingdom, or from an unknown country, is drawn a country by a hash of the seed
//     and the customer (a guest: the invoice), regions by their planned share of the traffic; all others keep theirs. A
//     customer stays in the country seen first.
//   - A cancellation names no order: its units are given back from the latest earlier orders of the same customer that have
//     any left. An order that it takes back whole is cancelled by the customer; otherwise the operator refunds the units.
//     They were not shipped, so they go back on sale. Units without such an order (bought before the file begins, or by a
//     guest) are rejected as return_without_order.
//   - A negative quantity outside a cancellation is a correction of stock, made by the operator in the file's home country.
//     Bookkeeping (invoices A…) is passed over.
//   - Mistaken giant orders are orders like others: bought, and taken back minutes later.
//
// Stock is received before the first order: one warehouse of each region, the nearest to it, gets what the region's whole
// stream asks for, less what it has. So what is sold out is sold out because of others.
//
// Each customer's invoices are replayed strictly in the order of the file; those of different customers at once, by
// Config.Clients buyers, handed out in the order of the file.
//
// What it promises:
//
//   - Nothing happens twice. Calls that change something carry idempotency keys made of the run's name, the invoice and the
//     step. The journal (journal.go) records what happened; the cart of an order is on disk in it before the order is
//     placed, because the same key on another cart would be another order. A run that was cut off at any point, and is
//     begun again within the life of idempotency keys (three days), ends with the same orders.
//   - A shop that is away for some seconds is waited for: every call is made up to callAttempts times, through the edge,
//     which goes to another region if one is down. If it stays away the run ends with ErrShopAway, and can be resumed.
//   - It ends when nothing is pending: every order is read until it is paid or cancelled and its refunds are sent; the
//     report counts what the shop then says.
package replay
