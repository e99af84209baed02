package api

import (
	"testing"

	"meridian/internal/money"
)

func TestMoneyResponse(t *testing.T) {
	const want = `{"amount_minor":1299,"currency":"GBP"}`
	if got := string(marshal(newMoneyResponse(money.New(1299, "GBP")))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
