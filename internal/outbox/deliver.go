package outbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// Receiver takes an event. A nil error means that it has it for good; any other and it is
// asked again later.
type Receiver func(ctx context.Context, e Event) error

// Courier delivers events.
type Courier struct {
	DB      *database.DB
	Receive Receiver
	// Batch bounds how many events one pass claims. Default 100.
	Batch int
	// Metrics, if not nil, takes a span and a count of each delivery.
	Metrics *Metrics
}

// claimLife is how long a claimed event is left alone, and passTime how long a pass hands
// events over: shorter, so that only a courier that died has its claims taken over.
const (
	claimLife = time.Minute
	passTime  = 40 * time.Second
)

// settleTime bounds the recording of what a pass did, which a courier that is told to stop
// still does.
const settleTime = 10 * time.Second

// DeliverOnce claims events of the process's region that are due, hands them to the
// receiver, and returns how many were delivered. One that fails is tried again after 1 s,
// doubling up to an hour, for ever.
func (c *Courier) DeliverOnce(ctx context.Context) (int, error) {
	return c.deliver(ctx, c.DB.Own())
}

// TakeOverOnce does what DeliverOnce does, for the events that another region has left lying.
func (c *Courier) TakeOverOnce(ctx context.Context, region string) (int, error) {
	return c.deliver(ctx, database.LeftBy(region))
}

func (c *Courier) deliver(ctx context.Context, of database.Reach) (int, error) {
	events, err := c.claim(ctx, of)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	pass, stop := context.WithTimeout(ctx, passTime)
	defer stop()
	var delivered, failed []claimed
	for _, event := range events {
		if pass.Err() != nil {
			break // the rest comes up again when its claim has run out
		}
		if event.err = c.hand(pass, event.Event); event.err != nil {
			failed = append(failed, event)
			continue
		}
		delivered = append(delivered, event)
	}
	settling, stopSettling := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer stopSettling()
	return len(delivered), c.settle(settling, of, delivered, failed)
}

// hand gives an event to the receiver. One over which it panics has failed like any other,
// so that it does not take the whole pass with it, each time.
func (c *Courier) hand(ctx context.Context, e Event) (err error) {
	ctx, end := c.Metrics.begin(ctx, e)
	defer func() { end(err) }()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the receiver panicked: %v", r)
		}
	}()
	return c.Receive(ctx, e)
}

type claimed struct {
	Event
	attempts int64
	err      error
}

var eventsDue = database.Claims{
	Table: "outbox", Key: []string{"id"},
	Where: "delivered_at IS NULL", Due: "next_attempt_at", Wait: fmt.Sprint(int64(claimLife / time.Second)),
	Returning: "t.region, t.id, t.topic, t.key, t.payload, t.created_at, t.attempts",
}

// claim returns up to Batch events that are due, the oldest first.
func (c *Courier) claim(ctx context.Context, of database.Reach) ([]claimed, error) {
	limit := c.Batch
	if limit == 0 {
		limit = 100
	}
	events, err := database.Claim(ctx, c.DB, of, eventsDue, scanClaimed, limit)
	if err != nil {
		return nil, fmt.Errorf("claim events: %w", err)
	}
	slices.SortStableFunc(events, func(a, b claimed) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return events, nil
}

func scanClaimed(row pgx.CollectableRow) (claimed, error) {
	var c claimed
	var payload []byte
	err := row.Scan(&c.Region, &c.ID, &c.Topic, &c.Key, &payload, &c.CreatedAt, &c.attempts)
	c.Payload = json.RawMessage(payload)
	return c, err
}

// keepDelivered is how long a delivered event can still be looked at.
const keepDelivered = 7 * 24 * time.Hour

// failure is an event that the receiver did not take, as its row will say.
type failure struct {
	ID     uuid.UUID
	Wait   int64  `db:"wait"` // seconds until it is tried again
	Reason string `db:"reason"`
}

// settle records what a pass did with the events of a region: a statement for all that were delivered and one for all
// that were not, since the region may be far.
func (c *Courier) settle(ctx context.Context, of database.Reach, delivered, failed []claimed) error {
	ids := make([]uuid.UUID, len(delivered))
	for i, event := range delivered {
		ids[i] = event.ID
	}
	failures := make([]failure, len(failed))
	for i, event := range failed {
		failures[i] = failure{
			ID: event.ID, Wait: int64(retryAfter(event.attempts) / time.Second), Reason: storable(event.err.Error()),
		}
	}
	err := c.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		if len(ids) > 0 {
			b.Queue(`
UPDATE outbox SET delivered_at = now(), expires_at = now() + $3::int8 * INTERVAL '1 second'
WHERE region = $1 AND id = ANY($2::uuid[])`, of.Region(), ids, int64(keepDelivered/time.Second))
		}
		if len(failures) > 0 {
			b.QueueArgs(`
UPDATE outbox o SET next_attempt_at = now() + f.wait * INTERVAL '1 second', last_error = f.reason
FROM `+database.Unnest[failure]("f")+`
WHERE o.region = @region AND o.id = f.id`, database.Columns(failures).With(database.Args{"region": of.Region()}))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record deliveries: %w", err)
	}
	return nil
}

func retryAfter(attempts int64) time.Duration {
	return min(time.Second<<min(attempts-1, 12), time.Hour)
}

// maxErrorBytes bounds what is kept of a receiver's error.
const maxErrorBytes = 500

// storable returns an error's text, which may quote the receiver, as its column takes it.
func storable(text string) string {
	return database.Text(text[:min(len(text), maxErrorBytes)])
}

// SignatureHeader carries the signature of a delivery: "t=<unix seconds>,v1=<hex HMAC-SHA-256
// of the seconds, a dot and the body>".
const SignatureHeader = "Meridian-Signature"

// PostTo returns a Receiver that posts each event as JSON to url, signed with secret. Only an
// answer of 2xx takes it: a redirect is not followed.
func PostTo(client *http.Client, url string, secret []byte) Receiver {
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return func(ctx context.Context, e Event) error {
		body, err := json.Marshal(delivery{ID: e.ID, Region: e.Region, Topic: e.Topic, Key: e.Key, CreatedAt: e.CreatedAt, Payload: e.Payload})
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set(SignatureHeader, sign(secret, time.Now(), body))
		response, err := direct.Do(request)
		if err != nil {
			return errors.New("the receiver could not be reached") // the URL may hold a secret
		}
		defer response.Body.Close()
		_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
		if response.StatusCode/100 != 2 {
			return fmt.Errorf("the receiver answered %s", response.Status)
		}
		return nil
	}
}

type delivery struct {
	ID        uuid.UUID `json:"id"`
	Region    string    `json:"region"`
	Topic     string    `json:"topic"`
	Key       string    `json:"key"`
	CreatedAt time.Time `json:"created_at"`
	Payload   any       `json:"payload"`
}

func sign(secret []byte, now time.Time, body []byte) string {
	seconds := fmt.Sprintf("%d", now.Unix())
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// SweepOnce deletes up to limit events of the process's region that were delivered long ago
// and returns how many.
func SweepOnce(ctx context.Context, db *database.DB, limit int) (int, error) {
	return database.SweepExpired(ctx, db, "outbox", "region, id", time.Now(), limit)
}
