package verify

// eventChecks are about what the shop tells and is told.
var eventChecks = []check{
	{
		// Delivered events are kept for 7 days. All that one transaction writes has its time:
		// the first version's is on the payment, for orders are placed by the pod's clock.
		name: "order_events", about: "every step of an order in the last 6 days has its event", over: "order_history", prefix: "ord",
		broken: `
SELECT h.region::text, h.order_id::text, 'version ' || h.version::text || ', ' || h.status || ', has no event'
FROM order_history h
LEFT JOIN payments p ON p.region = h.region AND p.id = h.order_id AND h.version = 1
LEFT JOIN (
  SELECT region, created_at, topic
  FROM outbox
  WHERE topic LIKE 'order.%'
) e ON e.region = h.region AND e.created_at = coalesce(p.created_at, h.at)
  AND e.topic IN (CASE h.version WHEN 1 THEN 'order.placed' ELSE 'order.' || h.status END, 'order.refund_promised')
WHERE h.at > now() - INTERVAL '6 days' AND e.region IS NULL`,
	},
	{
		name: "webhooks_overdue", about: "no webhook waits for more than 10 minutes to be acted on, nor for a person", over: "webhook_inbox", warning: true,
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
