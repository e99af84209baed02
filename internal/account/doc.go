// Package account holds the shop's customers and staff: registration, sign-in, the tokens that stand for a sign-in,
// roles, and addresses.
//
// What the package promises:
//
//   - An account lives in the region that is the home of the country it was registered in, and so do its addresses
//     and refresh tokens. Nothing of a person is written anywhere else: the e-mail directory, which is GLOBAL, holds
//     a keyed hash of the address, and events and idempotency records hold public ids only.
//   - One e-mail address is one account in the whole shop. The directory's primary key decides.
//   - A password is kept as an argon2id hash. Hashing is bounded in number, so that sign-ins cannot exhaust the
//     process's memory: what does not get its turn soon is refused with ErrBusy.
//   - Signing in tells nobody whether an address is registered: one that is not costs the same work and the same
//     round trips, and is throttled alike. Registering does tell (ErrEmailTaken), as it must in a shop that lets
//     people in before they have confirmed their address; the API's rate limit bounds the asking.
//   - Five wrong passwords for an address from one network lock that network out of the account for ten seconds, each
//     further one for twice as long, up to a quarter of an hour; a hundred from anywhere lock out all networks. A
//     device on which somebody has signed in before is known by its token, has guesses of its own, and is locked out by
//     nobody else. Sessions that exist are not affected. Addresses without an account are counted in the same table by
//     the same statements, so that no region and no pod answers for them otherwise. A client that keeps guessing is
//     throttled as well, by each pod for itself.
//   - An access token is a signed statement, checked without asking anybody. It therefore stays good until it
//     expires, AccessTokenLife at most (ten minutes), also after a sign-out, a change of roles or the account's
//     closing. Refresh tokens end at once.
//   - A refresh token is good for one use. The successor's row has a key that follows from its predecessor's, so of
//     any number of simultaneous uses the primary key lets one win; each of the others is taken for a theft and ends
//     the whole session. There is no period of grace: whoever uses a token twice within it could not be told from a
//     thief. A client that loses the answer to a refresh therefore signs in again, and one with several tabs lets
//     one of them refresh at a time.
//   - What is signed with is rotated: a key is published an hour before its first use, and stays published until the
//     last token signed with it has expired. Any number of processes may rotate at the same time.
//   - Closing an account erases its personal data at once and for good. What remains is the id that its orders refer
//     to; what the law wants kept of an order is in the order. Its ratings of products remain as nobody's.
//
// Locality: email_directory and signing_keys are GLOBAL; accounts, addresses, refresh_tokens and sign_in_guesses
// are REGIONAL BY ROW in the account's home region. Signing in reads the directory in the region that asks, and then one row of the home
// region, in the same statement.
//
// The deployment's Secret must never change: addresses are found by a hash keyed with it, and the signing keys are
// sealed under it.
package account
