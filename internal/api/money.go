package api

import "meridian/internal/money"

// moneyResponse is an amount of money in an answer: the document's schema Money.
type moneyResponse struct {
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
}

func newMoneyResponse(a money.Amount) moneyResponse {
	return moneyResponse{AmountMinor: a.Minor, Currency: string(a.Currency)}
}
