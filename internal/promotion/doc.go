// Package promotion is what the shop takes off its prices: coupon codes and promotions that
// apply by themselves, and how often each was used.
//
// Which promotions a basket gets, and in which order (Set.Apply):
//
//   - One with a coupon needs its code entered; a code may stand for several promotions. One
//     without applies by itself. All conditions must be met. Minimums are of the lines it is
//     meant for, at their prices before any promotion; one that has amounts for some
//     currencies is for these alone: nothing is converted.
//   - They are taken in turn: 1. buy-x-get-y, 2. percentage, 3. amount, 4. free shipping;
//     inside a kind the higher priority first, then by id. Each works on what those before it
//     left of each line.
//   - buy-x-get-y: for every buy + get units of the lines it is meant for, get units are
//     given, the cheapest of all; the dearest are those that were bought for it. A unit counts
//     in one such offer only.
//   - percentage: of what is left of each line, rounded half to even, line by line.
//   - amount: at most what is left of its lines, spread over them in proportion to what is left
//     of each, without losing a unit.
//   - free shipping: all that is left of the shipping.
//   - An exclusive one stacks with nothing: it is taken alone if it gives more than all those
//     that are not exclusive give together, else not at all. Of several the one that gives
//     most counts, then the first in the order above.
//   - One that has nothing to give is not applied, and not used.
//
// What it promises of every Outcome:
//
//   - What each promotion gives is said line by line; LineDiscounts are the sums. No line,
//     nor the shipping, goes below zero. An amount that does not fit is an error.
//   - The same basket and promotions give the same outcome; the order of the lines, of the
//     coupons and of the promotions does not matter.
//
// What it promises of the rows:
//
//   - What was in force is never overwritten. Versions of a promotion do not overlap.
//   - promotion_uses.used <= allowed and promotion_customer_uses.used <= allowed, by CHECK,
//     whichever regions race.
//   - promotion_uses.used is the number of the promotion's order_promotions that are limited
//     and not released; promotion_customer_uses.used is that of those that carry the customer, as
//     customer or as account, and are not released. order_promotions.limited says that the use was
//     counted in total, a customer or an account that is not empty that it was counted for these.
//   - An account is given something for its first order by one order that is not cancelled, by a
//     unique index, however many checkouts race.
//   - An order that is cancelled gives its uses back, once.
//   - A use counts while its promotion has the limit: one that gets a limit later starts at what
//     was counted until then.
//
// Locality: promotions are GLOBAL. The counters live in the primary region, since all regions
// share them; a promotion without a limit has none. order_promotions live with their order.
//
// Who calls: pricing applies the rules (Set), order counts the uses (QueueUsed, QueueUses,
// QueueRelease), finance writes through the API (QueuePut, QueueEnd).
package promotion
