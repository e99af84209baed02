package fx

import (
	"context"
	_ "embed"
)

// shipped is the ECB's daily file, cut to its last two and a half years (data/README.md).
//
//go:embed data/ecb.csv.gz
var shipped []byte

// Shipped returns the history that comes with the program: the ECB's rates of every working day from
// 2 October 2023 to 13 April 2026. A shop begins with it; by itself it is stale.
func Shipped() *ECB {
	e := newECB(ECBConfig{Location: "the shipped history"})
	e.read = func(context.Context) ([]byte, error) { return shipped, nil }
	return e
}
