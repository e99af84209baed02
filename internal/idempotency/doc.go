// Package idempotency remembers calls that were made with an Idempotency-Key. A key is
// claimed by a row written in the transaction of the call's effect, so there is no moment
// in which the effect exists and the record does not. A second call with the same key
// fails on that row, changes nothing, and is given the first answer.
package idempotency
