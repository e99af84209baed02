package account

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"meridian/internal/database"
	"meridian/internal/secret"
)

const (
	// publishAhead is how long before its first use a key is published, so that whoever keeps our keys in a cache
	// has it by then.
	publishAhead = time.Hour
	// maxRotateAhead is how long before the newest key stops signing the next one is made, where its life is long.
	maxRotateAhead = 24 * time.Hour
	// keepMargin is how much longer than the last token signed with it a key is kept.
	keepMargin = time.Hour
	// maxSigningKeys bounds the reading of keys; there are two or three.
	maxSigningKeys = 100
	// publishedAge is how old the keys may be that are told to others: with what a cache keeps them for, far less
	// than publishAhead.
	publishedAge = 10 * time.Minute
	// loadTimeout bounds the reading of keys, which several callers wait for together.
	loadTimeout = 5 * time.Second
)

// signingKeys are the keys access tokens are signed with, kept in the process. Reading them costs a round trip at the
// first use, when a token names a key that is not known (once a second at most), and at each RotateOnce.
type signingKeys struct {
	db      *database.DB
	now     func() time.Time
	log     *slog.Logger
	life    time.Duration
	tokens  time.Duration
	seal    cipher.AEAD
	current atomic.Pointer[keySet]
	loading singleflight.Group
	unknown *rate.Limiter
}

// keySet is the keys that had not expired when they were read, the one that signs last at the end. It never changes.
type keySet struct {
	keys   []signingKey
	readAt time.Time
}

type signingKey struct {
	id                        string
	private                   ed25519.PrivateKey
	signFrom, signUntil, ends time.Time
}

func (k signingKey) public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

func newSigningKeys(cfg Config, sealingKey secret.Bytes) (*signingKeys, error) {
	block, err := aes.NewCipher(sealingKey)
	if err != nil {
		return nil, fmt.Errorf("prepare the sealing of signing keys: %w", err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("prepare the sealing of signing keys: %w", err)
	}
	return &signingKeys{
		db:      cfg.DB,
		now:     cfg.Now,
		log:     cfg.Log,
		life:    cfg.SigningKeyLife,
		tokens:  cfg.AccessTokenLife,
		seal:    seal,
		unknown: rate.NewLimiter(rate.Every(time.Second), 1),
	}, nil
}

// signer returns the newest key that signs now. The very first call in the shop's life makes it.
func (s *signingKeys) signer(ctx context.Context) (signingKey, error) {
	if key, ok := s.current.Load().signer(s.now()); ok {
		return key, nil
	}
	if err := s.rotate(ctx); err != nil {
		return signingKey{}, err
	}
	key, ok := s.current.Load().signer(s.now())
	if !ok {
		return signingKey{}, ErrWrongSecret
	}
	return key, nil
}

// verifier returns the public key of that id; ok is false when there is none.
func (s *signingKeys) verifier(ctx context.Context, id string) (key ed25519.PublicKey, ok bool, err error) {
	set := s.current.Load()
	if key, ok := set.find(id, s.now()); ok {
		return key.public(), true, nil
	}
	if set != nil && !s.unknown.AllowN(s.now(), 1) {
		return nil, false, nil
	}
	if set, err = s.load(ctx); err != nil {
		return nil, false, err
	}
	found, ok := set.find(id, s.now())
	if !ok {
		return nil, false, nil
	}
	return found.public(), true, nil
}

// published returns the keys as others may know them: none that was read longer than publishedAge ago.
func (s *signingKeys) published(ctx context.Context) (*keySet, error) {
	if _, err := s.signer(ctx); err != nil {
		return nil, err
	}
	if set := s.current.Load(); s.now().Sub(set.readAt) < publishedAge {
		return set, nil
	}
	return s.load(ctx)
}

func (s *keySet) signer(now time.Time) (best signingKey, ok bool) {
	if s == nil {
		return signingKey{}, false
	}
	for _, key := range s.keys {
		if !key.signFrom.After(now) && key.signUntil.After(now) {
			best, ok = key, true
		}
	}
	return best, ok
}

func (s *keySet) find(id string, now time.Time) (signingKey, bool) {
	if s == nil {
		return signingKey{}, false
	}
	for _, key := range s.keys {
		if key.id == id && key.ends.After(now) {
			return key, true
		}
	}
	return signingKey{}, false
}

const signingKeyQuery = `
SELECT kid, public_key, private_key, sign_from, sign_until, expires_at
FROM signing_keys
WHERE expires_at > $1
ORDER BY sign_from, kid
LIMIT $2::int8`

// load reads the keys. Callers at the same time share one reading.
func (s *signingKeys) load(ctx context.Context) (*keySet, error) {
	set, err, _ := s.loading.Do("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		rows, err := database.List(ctx, s.db, scanSealedKey, signingKeyQuery, s.now(), maxSigningKeys)
		if err != nil {
			return nil, fmt.Errorf("read the signing keys: %w", err)
		}
		return s.keep(ctx, rows), nil
	})
	if err != nil {
		return nil, err
	}
	return set.(*keySet), nil
}

// keep opens the keys and makes them the process's.
func (s *signingKeys) keep(ctx context.Context, rows []sealedKey) *keySet {
	set := &keySet{readAt: s.now()}
	for _, row := range rows {
		key, err := s.open(row)
		if err != nil {
			s.log.LogAttrs(ctx, slog.LevelError, "a signing key is left out", slog.String("kid", row.id), slog.Any("error", err))
			continue
		}
		set.keys = append(set.keys, key)
	}
	s.current.Store(set)
	return set
}

// sealedKey is a row of the table signing_keys.
type sealedKey struct {
	id                        string
	public, private           []byte
	signFrom, signUntil, ends time.Time
}

func scanSealedKey(row pgx.CollectableRow) (sealedKey, error) {
	var k sealedKey
	err := row.Scan(&k.id, &k.public, &k.private, &k.signFrom, &k.signUntil, &k.ends)
	return k, err
}

// open unseals a key. Its seal is what makes a key ours: a public key that somebody has written into the table is
// worth nothing without the private one, sealed for that id under the deployment's secret.
func (s *signingKeys) open(row sealedKey) (signingKey, error) {
	seed, err := s.seal.Open(nil, nil, row.private, []byte(row.id))
	if err != nil || len(seed) != ed25519.SeedSize {
		return signingKey{}, errors.New("its seal is not of this deployment's secret")
	}
	key := signingKey{
		id:        row.id,
		private:   ed25519.NewKeyFromSeed(seed),
		signFrom:  row.signFrom,
		signUntil: row.signUntil,
		ends:      row.ends,
	}
	if !key.public().Equal(ed25519.PublicKey(row.public)) {
		return signingKey{}, errors.New("its public key is not that of its private key")
	}
	return key, nil
}

// newSealedKey makes a key that signs from signFrom.
func (s *signingKeys) newSealedKey(signFrom time.Time) sealedKey {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails
	id := rand.Text()
	signUntil := signFrom.Add(s.life)
	return sealedKey{
		id:        id,
		public:    ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey),
		private:   s.seal.Seal(nil, nil, seed, []byte(id)),
		signFrom:  signFrom,
		signUntil: signUntil,
		ends:      signUntil.Add(s.tokens + keepMargin),
	}
}
