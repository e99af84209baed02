package payment

// SucceededRefundsSQL is the refunds that gave money back, as a table expression that takes an
// alias. Its columns are region, order_id, id, amount_minor and updated_at, when it succeeded.
const SucceededRefundsSQL = `(
  SELECT rf.region, rf.order_id, rf.id, rf.amount_minor, rf.updated_at FROM refunds rf WHERE rf.status = 'succeeded')`
