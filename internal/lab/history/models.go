package history

import (
	"slices"
	"strconv"

	"github.com/anishathalye/porcupine"
)

// models are the models by kind. Their states are int64 for stock and carts, and text for orders and keys. A step returns the states
// that an operation may lead to: none if its answer is wrong, and the one before, too, if it has no answer.
var models = map[Kind]porcupine.NondeterministicModel{
	Stock: model(int64(0), stock), Cart: model(int64(0), cart), Order: model("", order), Key: model("", key),
}

func model[S comparable](first S, step func(S, Operation) []S) porcupine.NondeterministicModel {
	return porcupine.NondeterministicModel{
		Init: func() []any { return []any{first} },
		Step: func(state, input, _ any) []any {
			var next []any
			for _, s := range step(state.(S), input.(Operation)) {
				next = append(next, s)
			}
			if input.(Operation).Lost && !slices.Contains(next, state) {
				next = append(next, state)
			}
			return next
		},
		Equal: func(a, b any) bool { return a == b },
	}
}

// stock is how many units are left.
func stock(left int64, op Operation) []int64 {
	switch {
	case op.Verb == Receive:
		return []int64{left + op.In}
	case op.Verb == Read:
		return when(op.Lost || op.Out == strconv.FormatInt(left, 10), left)
	case op.Out == Refused:
		return when(left < op.In, left)
	}
	return when(left >= op.In, left-op.In)
}

// cart is the quantity that was set last.
func cart(holds int64, op Operation) []int64 {
	if op.Verb == Set {
		return []int64{op.In}
	}
	return when(op.Lost || op.Out == strconv.FormatInt(holds, 10), holds)
}

// next are the statuses that may follow another one at once, by the shop's workers and payments as well: internal/order's state
// machine, and refunds of all that was paid.
var next = map[string][]string{
	"":                {"pending_payment"},
	"pending_payment": {"paid", "cancelled"},
	"paid":            {"packed", "refunded"},
	"packed":          {"shipped", "refunded"},
	"shipped":         {"delivered", "refunded"},
	"delivered":       {"returned", "refunded"},
	"returned":        {"refunded"},
}

// reaches reports whether a status may be seen after another one.
func reaches(from, to string) bool {
	return from == to || slices.ContainsFunc(next[from], func(via string) bool { return reaches(via, to) })
}

// order is the status that was seen last.
func order(status string, op Operation) []string {
	switch {
	case op.Lost && op.Verb == Cancel:
		return when(reaches(status, "cancelled"), "cancelled")
	case op.Lost, op.Out == Refused:
		return []string{status}
	}
	return when(op.Out != "" && reaches(status, op.Out), op.Out)
}

// key is the order that was placed with an idempotency key.
func key(placed string, op Operation) []string {
	if op.Lost { // it may have placed an order whose id nobody was told
		return []string{placed}
	}
	return when(placed == "" || placed == op.Out, op.Out)
}

// when returns the state if it may be.
func when[S any](ok bool, state S) []S {
	if ok {
		return []S{state}
	}
	return nil
}
