// Package telemetry sets up the shop's traces, metrics and logs.
//
// What it promises:
//
//   - One Telemetry is one region's server, or the edge. Several may live in one process: they share a Registry, and
//     every metric of a region's server carries a region label, which distinguishes four regions in one process.
//   - Nothing global is touched: code uses the providers it is given.
//   - Personal data is never written. Code logs ids and route templates, not bodies, e-mail addresses, postal
//     addresses or query strings; Redact and the span exporter catch what a library or an error text lets slip.
//   - The code bounds the number of series: labels are routes, states, reasons and names that it knows, never what
//     somebody sent.
//
// # Traces
//
// A request is one trace from the edge to the region, to each statement and to the payment provider. The edge and the
// regions continue the trace of a traceparent header only if the peer is a trusted proxy: anybody else could have
// every request of theirs recorded, or be found in another's trace. Of those they call, only the shop's own (the
// regions, the receiver of events, the sandbox) are sent the header. A pass of background work is a trace of its own;
// passes that found nothing to do are not sent. A delivery of an event is a span of its pass, and the receiver's spans
// can be its children. Calls that share a transaction show its statements in the trace of the first of them.
//
// # Metrics
//
// The names are those of Prometheus; OTLP has the same with dots, and without the unit. Six have a target and a
// threshold, which k8s/base/monitoring/rules.yaml turns into a warning and a critical alert:
//
//	what                 from                                                      target    threshold
//	API response         http_server_request_duration_seconds, p95                 200 ms    500 ms
//	database statement   db_client_operation_duration_seconds, p95                 50 ms     100 ms
//	search               meridian_search_duration_seconds, p95                     100 ms    300 ms
//	cache hit ratio      meridian_catalog_cache_hits_total, …_misses_total         90 %      80 %
//	inventory accuracy   meridian_inventory_accuracy_ratio                         99.9 %    99 %
//	order processing     meridian_order_processing_duration_seconds, p95 of paid   30 s      60 s
//
// All of them, h for histograms, c for counters, g for gauges:
//
//	http_server_request_duration_seconds          h  http_route ("refused" for 4xx), http_request_method,
//	                                                 http_response_status_code (2xx … 5xx)
//	http_server_active_requests                   g
//	meridian_http_round_trips                     h  as above: round trips to the database an answer below 400 took
//	meridian_http_problems_total                  c  http_route, code: sold_out and all others
//	db_client_operation_duration_seconds          h  pgx_operation_type (query, batch, copy; connect, prepare, acquire),
//	                                                 db_operation_name (SELECT …; none for a batch)
//	db_client_operation_errors_total              c  as above: constraints that refuse count too
//	meridian_database_retries_total               c  reason: conflict, not_sent, unknown_outcome
//	meridian_database_retries_exhausted_total     c
//	pgxpool_…                                     the pool: acquired_connections, empty_acquire_wait_time_nanoseconds_total …
//	http_client_request_duration_seconds          h  peer (sandbox, events …), http_request_method, http_response_status_code
//	meridian_catalog_cache_hits_total, _misses_total, _evictions_total, _load_failures_total    c
//	meridian_search_duration_seconds              h  engine: what answered (own, remote-region, database, none),
//	                                                 result: found, loosened, empty, failed
//	meridian_search_degraded_total                c  engine: remote-region, database
//	meridian_search_source_failures_total         c  source: a region, or database
//	meridian_search_circuit_open                  g  source: 1 or 0
//	meridian_search_index_lag_seconds, _documents, _set_aside, _filled    g
//	meridian_search_index_applied_total           c  kind: put, delete
//	meridian_search_index_batch_duration_seconds  h
//	meridian_recommend_events_total, _events_dropped_total, _fallbacks_total    c
//	meridian_inventory_accuracy_ratio             g  the share of stock rows that meridian verify finds nothing wrong with
//	meridian_verify_broken_rows                   g  check
//	meridian_verify_last_run_seconds              g  seconds since 1970
//	meridian_order_placed_total                   c
//	meridian_order_settled_total                  c  status (paid, cancelled), reason
//	meridian_order_processing_duration_seconds    h  as above: from placing an order
//	meridian_payment_outcomes_total               c  provider, status
//	meridian_payment_webhooks_total               c  provider, result: done, early, failed
//	meridian_fx_rate_age_seconds                  g  the oldest exchange rate in use
//	meridian_fx_imports_total                     c  outcome: new, unchanged, held, failed
//	meridian_outbox_deliveries_total              c  topic, result: delivered, failed
//	meridian_backlog_waiting, _age_seconds        g  queue: orders, refunds, webhooks, events
//	meridian_work_pass_duration_seconds           h  task, result: done, idle, failed
//	meridian_work_items_total                     c  task
//	meridian_edge_request_duration_seconds        h  upstream_region, outcome
//	meridian_edge_tries_total                     c  upstream_region, result: answered, cannot_serve, too_slow, unreachable, client_gone
//	meridian_edge_failovers_total                 c  upstream_region
//	meridian_edge_region_usable                   g  upstream_region: 1 or 0
//	meridian_edge_region_age_seconds              g  upstream_region: for how long Consul has said nothing of it
//	meridian_edge_requests_total                  c  upstream_region, reason (X-Meridian-Edge-Reason)
//	meridian_edge_hedges_total                    c  upstream_region
//
// The gauges of a region are reported by each of its workers: aggregate them by max, or min, not by sum. The edge has
// no region: its metrics say upstream_region, the region that was asked.
//
// Pods answer Prometheus at /metrics, which the edge hides from the public; workers without HTTP, and the edge, do so
// at --metrics-listen.
package telemetry
