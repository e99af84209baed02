package account

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"meridian/internal/database"
	"meridian/internal/secret"
	"meridian/regions"
)

// Argon2 is the cost of hashing a password. Zero fields take the default: OWASP's second recommendation, 19 MiB of
// memory, two passes, one lane. Hashes made at another cost remain valid and are replaced at the next sign-in.
type Argon2 struct {
	// MemoryKiB is the memory of one hash in KiB.
	MemoryKiB uint32
	// Passes is the number of passes over that memory.
	Passes uint32
	// Lanes is how many parts of the memory are filled in parallel.
	Lanes uint8
}

// Config configures Accounts. DB, Regions and Secret have no default.
type Config struct {
	DB      *database.DB
	Regions *regions.Set
	// Secret is the deployment's, the same in every pod of every region, at least 32 random bytes. It must not
	// change: see the package's documentation.
	Secret secret.Bytes
	// AccessTokenLife is how long an access token is good; 10 min, which is also the most.
	AccessTokenLife time.Duration
	// RefreshTokenLife is how long a refresh token waits for its one use; 30 days.
	RefreshTokenLife time.Duration
	// SigningKeyLife is how long a key signs before the next one takes over; 7 days. At least three hours.
	SigningKeyLife time.Duration
	// Argon2 is the cost of hashing a password.
	Argon2 Argon2
	// HashesAtOnce bounds how many passwords are hashed at the same time; the number of CPUs.
	HashesAtOnce int
	// HashWait is how long a password waits for its turn before ErrBusy; 3 s.
	HashWait time.Duration
	// Now is the clock of access tokens and signing keys; time.Now. Rows are stamped by the database.
	Now func() time.Time
	// Log records signing keys that cannot be used; slog's default.
	Log *slog.Logger
}

const (
	maxAccessLife     = 10 * time.Minute
	minSigningKeyLife = 3 * time.Hour
)

// Validate reports every fault of the configuration at once.
func (c Config) Validate() error {
	var faults []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("accounts: "+format, args...))
		}
	}
	c = c.withDefaults()
	need(c.DB != nil, "the database is missing")
	need(c.Regions != nil, "the regions are missing")
	need(len(c.Secret) >= secret.MinBytes, "the secret has %d bytes: give at least %d random ones", len(c.Secret), secret.MinBytes)
	need(c.AccessTokenLife >= time.Second && c.AccessTokenLife <= maxAccessLife,
		"access tokens live %s: give 1s to %s, as they cannot be taken back", c.AccessTokenLife, maxAccessLife)
	need(c.RefreshTokenLife > c.AccessTokenLife, "refresh tokens live %s: give more than access tokens have", c.RefreshTokenLife)
	need(c.SigningKeyLife >= minSigningKeyLife, "signing keys live %s: give %s or more", c.SigningKeyLife, minSigningKeyLife)
	need(c.Argon2.acceptable(), "argon2 memory=%d KiB passes=%d lanes=%d: give up to 1 GiB, 1 to 64 passes, 1 to 64 lanes, and 8 KiB a lane",
		c.Argon2.MemoryKiB, c.Argon2.Passes, c.Argon2.Lanes)
	need(c.HashesAtOnce > 0, "%d hashes at once: give 1 or more", c.HashesAtOnce)
	need(c.HashWait > 0, "passwords wait %s for their turn: give a positive duration", c.HashWait)
	return errors.Join(faults...)
}

func (c Config) withDefaults() Config {
	c.AccessTokenLife = cmp.Or(c.AccessTokenLife, maxAccessLife)
	c.RefreshTokenLife = cmp.Or(c.RefreshTokenLife, 30*24*time.Hour)
	c.SigningKeyLife = cmp.Or(c.SigningKeyLife, 7*24*time.Hour)
	c.Argon2.MemoryKiB = cmp.Or(c.Argon2.MemoryKiB, 19*1024)
	c.Argon2.Passes = cmp.Or(c.Argon2.Passes, 2)
	c.Argon2.Lanes = cmp.Or(c.Argon2.Lanes, 1)
	c.HashesAtOnce = cmp.Or(c.HashesAtOnce, runtime.GOMAXPROCS(0))
	c.HashWait = cmp.Or(c.HashWait, 3*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Log = cmp.Or(c.Log, slog.Default())
	return c
}

// The purposes of the deployment's secret, each with an independent key.
const (
	purposeEmail       = "meridian account: hash of e-mail addresses"
	purposeSealing     = "meridian account: sealing of signing keys"
	purposeDevices     = "meridian account: known devices and where passwords are tried from"
	purposeFingerprint = "meridian account: fingerprint of registrations"
)
