package api

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// A rateClass is a kind of call that has its own bucket for each client.
type rateClass int

const (
	rateUnlimited rateClass = iota
	rateDefault
	rateSignIn
)

// maxBuckets bounds the memory of the limiter (about 200 bytes each). A client whose bucket was dropped begins anew.
const maxBuckets = 100_000

// A limiter keeps a token bucket for each client and class.
type limiter struct {
	now     func() time.Time
	rates   map[rateClass]Rate
	buckets *otter.Cache[bucketKey, *rate.Limiter]
}

type bucketKey struct {
	class  rateClass
	client string
}

func newLimiter(limits Limits, now func() time.Time) (*limiter, error) {
	idle := max(limits.Default.Window, limits.SignIn.Window, time.Minute)
	buckets, err := otter.New(&otter.Options[bucketKey, *rate.Limiter]{
		MaximumSize:      maxBuckets,
		ExpiryCalculator: otter.ExpiryAccessing[bucketKey, *rate.Limiter](2 * idle),
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the rate limits: %w", err)
	}
	return &limiter{
		now:     now,
		rates:   map[rateClass]Rate{rateDefault: limits.Default, rateSignIn: limits.SignIn},
		buckets: buckets,
	}, nil
}

// A verdict is what the RateLimit headers say of one call.
type verdict struct {
	rate      Rate
	allowed   bool
	remaining int
	// reset is when the bucket is full again, retry when the next call is allowed.
	reset, retry time.Duration
}

// take takes a token for one call. limited is false where the class has no limit.
func (l *limiter) take(class rateClass, client string) (v verdict, limited bool) {
	quota, ok := l.rates[class]
	if !ok || quota.Requests < 0 {
		return verdict{}, false
	}
	perSecond := float64(quota.Requests) / quota.Window.Seconds()
	bucket, _ := l.buckets.ComputeIfAbsent(bucketKey{class, client}, func() (*rate.Limiter, bool) {
		return rate.NewLimiter(rate.Limit(perSecond), quota.Requests), false
	})
	now := l.now()
	v = verdict{rate: quota, allowed: bucket.AllowN(now, 1)}
	tokens := bucket.TokensAt(now)
	v.remaining = max(0, int(math.Floor(tokens)))
	v.reset = time.Duration((float64(quota.Requests) - tokens) / perSecond * float64(time.Second))
	v.retry = time.Duration(max(0, 1-tokens) / perSecond * float64(time.Second))
	return v, true
}

// admit counts the call against its client's rate, and refuses it when that is used up.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, class rateClass) error {
	if class == rateUnlimited {
		return nil
	}
	v, limited := s.limits.take(class, s.clientKey(r, class))
	if !limited {
		return nil
	}
	h := w.Header()
	h.Set("RateLimit-Policy", fmt.Sprintf("%d;w=%d", v.rate.Requests, seconds(v.rate.Window)))
	h.Set("RateLimit-Limit", strconv.Itoa(v.rate.Requests))
	h.Set("RateLimit-Remaining", strconv.Itoa(v.remaining))
	h.Set("RateLimit-Reset", strconv.Itoa(seconds(v.reset)))
	if !v.allowed {
		return &Problem{Code: "too_many_requests", RetryAfter: max(v.retry, time.Second)}
	}
	return nil
}

// clientKey returns whom the call is counted against: the account that bears a good token, else the address. What tests
// a secret is always counted by address.
func (s *Server) clientKey(r *http.Request, class rateClass) string {
	if class == rateDefault {
		if p, ok, err := s.principal(r); err == nil && ok {
			return "account " + p.Account.Region + " " + p.Account.ID.String()
		}
	}
	return "address " + clientNetwork(callOf(r).addr)
}

// clientAddr returns the caller's address, and whether the peer is a proxy of ours. X-Forwarded-For is believed
// from the right, only as far as our proxies wrote it: what stands further left the client may have made up.
func clientAddr(r *http.Request, proxies []netip.Prefix) (addr netip.Addr, trusted bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	addr = peer.Addr().Unmap()
	if !contains(proxies, addr) {
		return addr, false
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		before, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		addr = before.Unmap().WithZone("")
		if !contains(proxies, addr) {
			break
		}
	}
	return addr, true
}

func contains(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// clientNetwork returns what an address is counted by: itself, or the /64 that one IPv6 customer has to themselves.
func clientNetwork(addr netip.Addr) string {
	if addr.Is6() {
		network, err := addr.Prefix(64)
		if err == nil {
			return network.String()
		}
	}
	return addr.String()
}
