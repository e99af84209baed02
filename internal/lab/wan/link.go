package wan

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// A Link says how bytes travel in one direction between two sites.
type Link struct {
	// Delay is how long each byte is on the way, and Jitter how much longer at most.
	Delay  time.Duration `json:"delay_ns"`
	Jitter time.Duration `json:"jitter_ns"`
	// Loss is the probability that a segment of 1448 bytes is lost, once or again.
	Loss float64 `json:"loss"`
	// Bandwidth is in bytes a second for all connections together; 0 means as much as the machine can.
	Bandwidth int64 `json:"bandwidth"`
	// Cut holds everything.
	Cut bool `json:"cut"`
}

// The limits of a link's settings.
const (
	maxDelay     = 10 * time.Minute
	maxLoss      = 0.9
	minBandwidth = 1000
)

// Validate reports every fault at once.
func (l Link) Validate() error {
	var faults []error
	if l.Delay < 0 || l.Delay > maxDelay || l.Jitter < 0 || l.Jitter > maxDelay {
		faults = append(faults, fmt.Errorf("delay %s (--by) and jitter %s: use 0 to %s", l.Delay, l.Jitter, maxDelay))
	}
	if !(l.Loss >= 0 && l.Loss <= maxLoss) {
		faults = append(faults, fmt.Errorf("loss %v: use a share (--share) of the segments, 0 to %v", l.Loss, maxLoss))
	}
	if l.Bandwidth != 0 && l.Bandwidth < minBandwidth {
		faults = append(faults, fmt.Errorf("bandwidth %d: use %d bytes a second (--rate) or more, or 0 for no limit", l.Bandwidth, minBandwidth))
	}
	return errors.Join(faults...)
}

const (
	segmentBytes = 1448     // what a TCP segment carries on an Ethernet
	maxChunk     = 32 << 10 // the most that travels as one
	minTimeout   = 200 * time.Millisecond
	maxRepeats   = 6 // doublings of the retransmission timeout
)

// link is a Link in use.
type link struct {
	back    *link // the other direction
	base    Link  // what healing returns to
	limiter *rate.Limiter
	carried atomic.Int64 // bytes

	mu      sync.Mutex
	now     Link
	changed chan struct{} // closed at the next change
}

func newLink(base Link) *link {
	l := &link{base: base, limiter: rate.NewLimiter(rate.Inf, maxChunk), changed: make(chan struct{})}
	l.set(base)
	return l
}

// set changes the settings. Bytes that are on the way keep the delay that they left with.
func (l *link) set(to Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := rate.Inf
	if to.Bandwidth > 0 {
		limit = rate.Limit(to.Bandwidth)
	}
	l.limiter.SetLimit(limit)
	l.limiter.SetBurst(chunkOf(to))
	l.now = to
	close(l.changed)
	l.changed = make(chan struct{})
}

// get returns the settings, and a channel that is closed when they change.
func (l *link) get() (now Link, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now, l.changed
}

// chunk returns how many bytes travel as one at most.
func (l *link) chunk() int {
	now, _ := l.get()
	return chunkOf(now)
}

// chunkOf returns a tenth of a second's bytes on a narrow link, so that its connections take turns.
func chunkOf(l Link) int {
	if l.Bandwidth == 0 {
		return maxChunk
	}
	return int(min(max(l.Bandwidth/10, 1), maxChunk))
}

// pace waits until the link has sent n bytes.
func (l *link) pace(ctx context.Context, n int) error {
	l.carried.Add(int64(n))
	for n > 0 {
		part := min(n, l.limiter.Burst())
		reserved := l.limiter.ReserveN(time.Now(), part)
		if !reserved.OK() {
			continue // the link was made narrower meanwhile
		}
		if err := sleep(ctx, reserved.Delay()); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

// transit returns how long n bytes that leave now are on the way.
func (l *link) transit(n int) time.Duration {
	now, _ := l.get()
	total := now.Delay
	if now.Jitter > 0 {
		total += rand.N(now.Jitter + 1)
	}
	if now.Loss == 0 {
		return total
	}
	var stall time.Duration
	timeout := minTimeout + now.Delay + l.back.delay()
	for range max(1, (n+segmentBytes-1)/segmentBytes) {
		stall = max(stall, stallOf(now.Loss, timeout))
	}
	return total + stall
}

func (l *link) delay() time.Duration {
	now, _ := l.get()
	return now.Delay
}

// stallOf returns how long a segment is late because it is lost with that probability, each time that it is sent.
func stallOf(loss float64, timeout time.Duration) (stall time.Duration) {
	for range maxRepeats {
		if rand.Float64() >= loss {
			break
		}
		stall += timeout
		timeout *= 2
	}
	return stall
}

// errHeld is returned for what a link has held for too long.
var errHeld = errors.New("the link is cut, and the connection has timed out")

// await waits until something that is due at an instant has arrived. It returns errHeld if a cut link holds it for longer
// than patience after that.
func (l *link) await(ctx context.Context, due time.Time, patience time.Duration) error {
	if err := sleep(ctx, time.Until(due)); err != nil {
		return err
	}
	now, changed := l.get()
	if !now.Cut {
		return nil
	}
	tooLate := time.NewTimer(patience)
	defer tooLate.Stop()
	for now.Cut {
		select {
		case <-changed:
			now, changed = l.get()
		case <-tooLate.C:
			return errHeld
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// cross waits for as long as a message of no size is on the way.
func (l *link) cross(ctx context.Context, patience time.Duration) error {
	return l.await(ctx, time.Now().Add(l.transit(0)), patience)
}

// sleep waits for a time, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
