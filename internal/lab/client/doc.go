// Package client speaks to a shop's HTTP API, as a shopper or an operator does: it is what
// the commands that drive a shop from outside (bench, replay, demo, chaos) share.
//
// A call that changes something carries an idempotency key, and every attempt of it the
// same one, so a call may be repeated until it is answered: see Client.Attempts.
package client
