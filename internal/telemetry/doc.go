// Package telemetry sets up what the shop tells about itself: traces, metrics and logs.
//
// What it promises:
//
//   - One Telemetry is one region's server. Several may live in one process: they share a Registry, and every metric
//     carries a region label, so that four regions in one process are told apart on one /metrics page.
//   - Nothing global is touched: code takes the providers it is given.
//   - Personal data is never written. Code logs ids and route templates, not bodies, e-mail addresses, postal
//     addresses or query strings; Redact and the span exporter are the second line for what a library or an error
//     text lets slip.
package telemetry
