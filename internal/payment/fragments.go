package payment

// PaymentsSQL is the payments of orders, as a table expression that takes an alias. Its columns
// are those of Payment, for database.Select, and transition_id. A payment has its order's region
// and id.
const PaymentsSQL = `payments`

// UnsentRefundsSQL is a query of when refunds were promised (at) that wait to be sent: $1 =
// region, $2 = most rows.
const UnsentRefundsSQL = `
SELECT created_at AS at FROM refunds
WHERE region = $1 AND status = 'pending' AND NOT made_at_provider
ORDER BY next_attempt_at
LIMIT $2::int8`

// UnreadNoticesSQL is a query of when webhooks were received (at) that nobody has acted on: $1 =
// region, $2 = most rows.
const UnreadNoticesSQL = `
SELECT received_at AS at FROM webhook_inbox WHERE region = $1 AND processed_at IS NULL ORDER BY next_attempt_at LIMIT $2::int8`

// SucceededRefundsSQL is the refunds that gave money back, as a table expression that takes an
// alias. Its columns are region, order_id, id, amount_minor and updated_at, when it succeeded.
const SucceededRefundsSQL = `(
  SELECT rf.region, rf.order_id, rf.id, rf.amount_minor, rf.updated_at FROM refunds rf WHERE rf.status = 'succeeded')`
