// Package geo decides which region a request should go to, and sends it there.
//
//   - Locator determines the country of a client: from a trusted CDN's header, else from the address, else from the
//     configuration.
//   - Ranker orders the regions for that country, by measured round trips or, without any, by distance.
//   - Edge is a reverse proxy in front of all regions: it sends a request to the nearest healthy one, or a write to
//     the region that owns the row, and to the next one when that fails.
//
// What Edge promises:
//
//   - A request that changes something is never sent twice unless it carries an Idempotency-Key, by which the API
//     recognises it, or it is certain that nothing of it was sent.
//   - A body above the replay limit is streamed once, in constant memory.
//   - What a client sends decides only which region is asked: the access token's "hr" claim is a hint that regions
//     verify.
//   - A request that no region can serve is answered at once with 503 and Retry-After.
//
// It is a leaf: of this module it imports only packages regions and serve.
package geo
