package promotion

import "meridian/regions"

// Customer is who orders, as limits for each customer know them: by the e-mail address that the order is given and, signed
// in, by the account as well. A use counts for both, so that another address does not make another customer. The zero
// Customer is somebody of whom nothing is known.
type Customer struct {
	// Email is a keyed hash of the order's e-mail address.
	Email []byte
	// Account is the AccountKey of a signed-in customer; empty for a guest.
	Account []byte
}

// AccountKey returns what an account's uses are counted by. It is no personal data.
func AccountKey(account regions.Ref) []byte { return account.ID[:] }

// Keys returns what uses by the customer are counted by.
func (c Customer) Keys() [][]byte {
	var keys [][]byte
	for _, key := range [][]byte{c.Email, c.Account} {
		if len(key) > 0 {
			keys = append(keys, key)
		}
	}
	return keys
}
