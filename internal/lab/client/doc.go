// Package client calls a shop's HTTP API as a shopper or an operator does. Every command that
// drives a shop from outside (bench, replay, demo, chaos) uses it.
//
// A call that changes something carries an idempotency key, the same one in every attempt, so
// it may be repeated until it is answered: see Client.Attempts.
package client
