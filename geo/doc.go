// Package geo decides where in the world a request should go, and takes it there.
//
//   - Locator says which country a client is in: from a CDN's header where that is trusted, else from the address,
//     else from the configuration.
//   - Ranker puts the regions in order for that country, by measured round trips where there are any, else by an
//     estimate from the distance.
//   - Edge is a reverse proxy in front of all regions: it sends a request to the nearest healthy one, or a write to
//     the region that owns the row, and to the next one when that fails.
//
// What Edge promises:
//
//   - A request that changes something is never sent twice unless it carries an Idempotency-Key, by which the API
//     knows it again, or it is certain that nothing of it was sent.
//   - A body above the replay limit is streamed once, in constant memory.
//   - Nothing a client sends decides more than which region is asked: the access token is read for its "hr" claim
//     without being verified, as a hint. Regions verify it.
//   - What no region can serve is answered at once with 503 and Retry-After.
//
// It is a leaf: it imports only package regions.
package geo
