package account

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

func TestVerifyAccessToken(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	session := register(t, a, "aoife@example.com")
	databasetest.Exec(t, a.db, `INSERT INTO sellers (id, slug, name) VALUES ($1, 'acme', 'Acme')`, acme)
	testkit.Must(a.Grant(t.Context(), session.Account.Ref, RoleSeller, acme))(t)
	session = testkit.Must(a.Refresh(t.Context(), session.RefreshToken))(t)
	var got Bearer
	if n := databasetest.Trips(t, func(ctx context.Context) (err error) {
		got, err = a.VerifyAccessToken(ctx, session.AccessToken)
		return err
	}); n != 0 {
		t.Errorf("%d round trips, want none", n)
	}
	want := Bearer{
		Account: session.Account.Ref, Roles: []string{RoleSeller, RoleShopper}, Seller: acme,
		Session: session.ID, SessionEpoch: 1, Expires: session.AccessExpires,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if life := session.AccessExpires.Sub(a.cfg.Now()); life > 10*time.Minute {
		t.Errorf("an access token lives %s", life)
	}
}

var acme = uuid.MustParse("11111111-1111-4111-8111-111111111111")

// forge makes a token like the real one, but for what change does to it.
func forge(t *testing.T, a *Accounts, genuine string, method jwt.SigningMethod, key any,
	change func(header, claims map[string]any)) string {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(genuine, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	payload := maps.Clone(parsed.Claims.(jwt.MapClaims))
	token := jwt.NewWithClaims(method, payload)
	token.Header["kid"] = parsed.Header["kid"]
	change(token.Header, payload)
	text := testkit.Must(token.SignedString(key))(t)
	return text
}

func TestVerifyAccessToken_Tampered(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	session := register(t, a, "aoife@example.com")
	genuine := session.AccessToken
	key := testkit.Must(a.keys.signer(t.Context()))(t)
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	unchanged := func(map[string]any, map[string]any) {}
	ours := func(change func(header, claims map[string]any)) string {
		return forge(t, a, genuine, jwt.SigningMethodEdDSA, key.private, change)
	}
	claim := func(name string, value any) string {
		return ours(func(_, claims map[string]any) {
			if value == nil {
				delete(claims, name)
				return
			}
			claims[name] = value
		})
	}
	header := func(name string, value any) string {
		return ours(func(header, _ map[string]any) {
			if value == nil {
				delete(header, name)
				return
			}
			header[name] = value
		})
	}
	if _, err := a.VerifyAccessToken(t.Context(), ours(unchanged)); err != nil {
		t.Fatalf("a forgery with our own key and nothing changed must be good, or the test shows nothing: %v", err)
	}
	parts := strings.Split(genuine, ".")
	now := time.Now()
	elsewhere := regions.Ref{Region: "us-east", ID: session.Account.Ref.ID}
	for name, token := range map[string]string{
		"empty":                 "",
		"rubbish":               "a.b.c",
		"two parts":             parts[0] + "." + parts[1],
		"four parts":            genuine + ".",
		"no signature":          parts[0] + "." + parts[1] + ".",
		"another's signature":   parts[0] + "." + parts[1] + "." + strings.Split(claim("jti", "x"), ".")[2],
		"cut signature":         genuine[:len(genuine)-2],
		"padded":                genuine + "==",
		"huge":                  genuine + strings.Repeat("a", 1<<20),
		"changed payload":       parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"meridian"}`)) + "." + parts[2],
		"alg none":              forge(t, a, genuine, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, unchanged),
		"alg None in our key":   header("alg", "none"),
		"HS256 with public key": forge(t, a, genuine, jwt.SigningMethodHS256, []byte(key.public()), unchanged),
		"HS512 with public key": forge(t, a, genuine, jwt.SigningMethodHS512, []byte(key.public()), unchanged),
		"alg in another case":   header("alg", "eddsa"),
		"foreign key":           forge(t, a, genuine, jwt.SigningMethodEdDSA, foreign, unchanged),
		"foreign key, own kid": forge(t, a, genuine, jwt.SigningMethodEdDSA, foreign, func(header, _ map[string]any) {
			header["kid"] = "mine"
			header["jwk"] = map[string]any{"kty": "OKP", "crv": "Ed25519",
				"x": base64.RawURLEncoding.EncodeToString(foreign.Public().(ed25519.PublicKey))}
		}),
		"no kid":                  header("kid", nil),
		"kid is a number":         header("kid", 7),
		"kid is a path":           header("kid", "../../dev/null"),
		"kid is SQL":              header("kid", "' OR '1'='1"),
		"another issuer":          claim("iss", "mallory"),
		"no issuer":               claim("iss", nil),
		"another audience":        claim("aud", "another shop"),
		"no audience":             claim("aud", nil),
		"expired":                 claim("exp", now.Add(-time.Minute).Unix()),
		"no expiry":               claim("exp", nil),
		"expiry is a text":        claim("exp", "never"),
		"lives too long":          claim("exp", now.Add(time.Hour).Unix()),
		"issued in the future":    claim("iat", now.Add(time.Hour).Unix()),
		"not issued":              claim("iat", nil),
		"not yet":                 claim("nbf", now.Add(time.Hour).Unix()),
		"no subject":              claim("sub", nil),
		"subject of another kind": claim("sub", a.regions.FormatID("ord", session.Account.Ref)),
		"home is elsewhere":       claim("sub", a.regions.FormatID(regions.AccountPrefix, elsewhere)),
		"no home":                 claim("hr", nil),
		"no session":              claim("sid", nil),
		"bad seller":              claim("sel", "acme"),
		"roles are a text":        claim("roles", "admin"),
		"refresh token":           session.RefreshToken,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := a.VerifyAccessToken(t.Context(), token)
			if err != ErrBadAccessToken {
				t.Errorf("got %+v %v", got, err)
			}
		})
	}
}

func TestVerifyAccessToken_Expiry(t *testing.T) {
	c := testkit.RunningClock()
	a := newTestAccounts(t, databasetest.New(t), func(cfg *Config) { cfg.Now = c.Now })
	token := register(t, a, "aoife@example.com").AccessToken
	c.Advance(10*time.Minute - time.Second)
	if _, err := a.VerifyAccessToken(t.Context(), token); err != nil {
		t.Errorf("before its end: %v", err)
	}
	c.Advance(leeway + 2*time.Second)
	if _, err := a.VerifyAccessToken(t.Context(), token); err != ErrBadAccessToken {
		t.Errorf("after its end: %v", err)
	}
}

// TestVerifyAccessToken_UnknownKeys holds a flood of made-up key ids to one look at the database a second.
func TestVerifyAccessToken_UnknownKeys(t *testing.T) {
	fixed := time.Now()
	a := newTestAccounts(t, databasetest.New(t), func(cfg *Config) { cfg.Now = func() time.Time { return fixed } })
	genuine := register(t, a, "aoife@example.com").AccessToken
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	got := databasetest.Trips(t, func(ctx context.Context) error {
		for range 20 {
			token := forge(t, a, genuine, jwt.SigningMethodEdDSA, foreign, func(header, _ map[string]any) { header["kid"] = rand.Text() })
			if _, err := a.VerifyAccessToken(ctx, token); err != ErrBadAccessToken {
				return err
			}
		}
		return nil
	})
	if got != 1 {
		t.Errorf("%d round trips, want 1", got)
	}
}

func TestVerifyAccessToken_DatabaseAway(t *testing.T) {
	url := databasetest.URL(t)
	db := databasetest.Open(t, url, "eu-west")
	warm := newTestAccounts(t, db)
	token := register(t, warm, "aoife@example.com").AccessToken
	gone := databasetest.Open(t, url, "eu-west")
	cold := testkit.Must(New(Config{DB: gone, Regions: warm.regions, Secret: testSecret, Argon2: warm.cfg.Argon2}))(t)
	gone.Close()
	if _, err := cold.VerifyAccessToken(t.Context(), token); err == nil || errors.Is(err, ErrBadAccessToken) {
		t.Errorf("a good token that could not be checked: got %v", err)
	}
	if _, err := warm.VerifyAccessToken(t.Context(), token); err != nil {
		t.Errorf("with the keys in the process: %v", err)
	}
}

func FuzzVerifyAccessToken(f *testing.F) {
	a := newTestAccounts(f, databasetest.New(f))
	genuine := register(f, a, "aoife@example.com").AccessToken
	f.Add(genuine)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := a.VerifyAccessToken(t.Context(), token); token != genuine && err != ErrBadAccessToken {
			t.Errorf("%q: got %v", token, err)
		}
	})
}
