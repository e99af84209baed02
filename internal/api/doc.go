// Package api is the shop's HTTP API: routes, handlers (a file a resource), errors as problem+json, and the OpenAPI
// document that tests hold all of it to.
//
// To add an endpoint:
//
//  1. Name what the handler calls as a field of Deps (server.go), and demand it in Deps.validate.
//  2. Write the handler in its resource's file, request and response structs beside it:
//     func (s *Server) placeOrder(w http.ResponseWriter, r *http.Request) error. Its first lines say who may call
//     (s.require, s.principal, s.guestHolds); then readJSON, one domain call, writeJSON. It returns errors.
//  3. Give it its line in routes.go, in the group of who calls it.
//  4. Give each error of the domain its row in problemTypes (errors.go), with a stable code.
//  5. Describe it in the resource's file under openapi/ (the top of base.yaml says how).
//  6. Test it through validated(t, s.Handler()), which holds every answer, and the round trips it took, to the document.
//
// What the package promises:
//
//   - Every answer has X-Request-Id and X-Meridian-Region. Every error is application/problem+json with a stable code,
//     and no error tells what happened inside.
//   - Every body, page, header, duration and rate is bounded.
//   - What a request sends is text that the database can hold before a handler sees it: valid UTF-8 without NUL.
//   - Nothing of a person, and no path or query that may hold it, reaches logs, spans or metrics.
//   - An answer may be stored by nobody unless the handler says so with cachePublic.
package api
