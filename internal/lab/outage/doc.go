// Package outage loses a part of a shop with real distances while shoppers on four continents buy, each through the edge of
// their own region, and measures what they notice.
//
// A run opens a shop of its own, with a standby of its database in eu-west, and lets shoppers read and buy. At a third of the
// time one Fault happens, at two thirds it is undone. Every call is made once: what is tried again is the edge's to try. Then
// the workers finish what is open, and what the shoppers were told is compared with the database.
//
// Oversold, lost or duplicated orders and what verify finds make a run unclean. Times and rates are measured, and held against
// Goals, but they depend on the machine.
package outage
