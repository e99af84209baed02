// Package inventory keeps what the shop has, where, and to whom it is promised.
//
// Invariants, all held by CHECK constraints and by meridian verify:
//
//   - No counter of a stock row is below zero, and reserved + allocated <= on_hand.
//   - No guest's order brings the units of a stock row that are held for unpaid orders above its UnpaidLimit, which
//     is a setting.
//   - The counters of a stock row are the sums of its movements; movements are only added.
//   - reserved and allocated are the sums of the row's held and allocated reservations.
//   - Operators hear of a stock row that became low (stock.low) once, until it is restocked:
//     at once when one of them made it so, from a worker (AlertOnce) when sales did.
//
// Locality: warehouses are GLOBAL; stock, reservations and movements live in the region of
// the warehouse, whichever region the order is homed in.
//
// Who calls: order joins reservations and moves to its own batches (QueueReserve,
// QueueMoves); operators receive, adjust and transfer through the API. Allocate is the one
// function that answers "can we sell this", for the cart's display and for checkout.
package inventory
