// Package searching breaks the search of a shop on purpose, and then judges what is left of it.
//
// A shop of its own is open in all regions, with the shipped catalogue. Sellers edit products, take them off sale and put
// them back, change prices; operators move stock; shoppers search through the edge. Meanwhile an engine is stopped and
// started again, an index is wiped, and a whole region is torn down with its feed in the middle of a batch and brought
// back. Then the faults end, the feeds catch up, and every region's index is compared with the database, without
// mending anything.
//
// What a run must show:
//
//   - no search was answered with a 5xx, whatever was broken, nor by an index that was not full again;
//   - no index differs from the database in any document.
//
// Callers: meridian chaos search, and the test.
package searching
