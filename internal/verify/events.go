package verify

// eventChecks cover the events that the shop sends and the webhooks it receives.
var eventChecks = []check{
	{
		// Delivered events are kept for 7 days. All that one transaction writes has its time:
		// the first version's is on the payment, for orders are placed by the pod's clock. Orders
		// that share a transaction are counted together.
		name: "order_events", about: "every step of an order in the last 6 days has its event", over: "order_history", prefix: "ord",
		broken: `
SELECT step.region::text, step.order_id, step.n::text || ' steps of one transaction, this order''s among them, have '
  || coalesce(event.n, 0)::text || ' events'
FROM (
  SELECT h.region, coalesce(p.created_at, h.at) AS at, count(*) AS n, min(h.order_id::text) AS order_id
  FROM order_history h
  LEFT JOIN payments p ON p.region = h.region AND p.id = h.order_id AND h.version = 1
  WHERE h.at > now() - INTERVAL '6 days'
  GROUP BY h.region, coalesce(p.created_at, h.at)
) AS step
LEFT JOIN (
  SELECT region, created_at, count(*) AS n
  FROM outbox
  WHERE topic LIKE 'order.%'
  GROUP BY region, created_at
) AS event ON event.region = step.region AND event.created_at = step.at
WHERE step.n > coalesce(event.n, 0)`,
	},
	{
		name: "webhooks_overdue", about: "no webhook waits for more than 10 minutes to be acted on, nor for a person", over: "webhook_inbox",
		warning: true,
		broken: `
SELECT w.region::text, w.provider || '/' || w.event_id, 'received at ' || w.received_at::text || ', tried ' || w.attempts::text || ' times'
  || CASE WHEN w.set_aside_at IS NULL THEN '' ELSE ', set aside: it cannot be read' END
FROM webhook_inbox w
WHERE w.processed_at IS NULL AND (w.received_at < now() - INTERVAL '10 minutes' OR w.set_aside_at IS NOT NULL)`,
	},
	{
		name: "events_overdue", about: "no event waits for more than 10 minutes to be delivered", over: "outbox", prefix: "evt", warning: true,
		broken: `
SELECT e.region::text, e.id::text, e.topic || ' of ' || e.created_at::text || ', tried ' || e.attempts::text || ' times'
FROM outbox e
WHERE e.delivered_at IS NULL AND e.created_at < now() - INTERVAL '10 minutes'`,
	},
}
