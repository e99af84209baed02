package chaos

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"meridian/internal/lab/client"
)

// moment is a point of a request at which a pod may be killed.
type moment int

const (
	checkoutSent moment = iota // a checkout is about to be sent to the pod
	webhookSent                // a webhook is about to be sent to the pod
	paymentAsked               // the pod has called the provider, which has not heard it
	paymentDone                // the provider has done it, and the pod does not know
)

// breaker breaks a shop as its scenario says, and counts what it did.
type breaker struct {
	shop *shop
	dice dice
	calm float64 // by how much the pauses between two faults of a kind are longer; 1 is as wild as it gets

	waiting sync.WaitGroup // for kills that are under way

	mu            sync.Mutex
	moments       []moment // at which pods are killed
	dying         map[*replica]bool
	lastKill      time.Time
	podKills      int
	databaseKills int
	failure       error // the first thing that could not be done: the run is then worth nothing
}

func newBreaker(s *shop, calm float64) *breaker {
	b := &breaker{shop: s, dice: s.dice, calm: max(calm, 1), dying: make(map[*replica]bool)}
	s.onMoment(b.observe)
	return b
}

// run lets all faults happen until ctx ends. It returns when everything that was broken for a while is whole again, and
// fails if a fault could not be made.
func (b *breaker) run(ctx context.Context, faults []fault) error {
	var running sync.WaitGroup
	for _, happen := range faults {
		running.Go(func() { happen(b, ctx) })
	}
	running.Wait()
	b.waiting.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failure
}

// pause waits between two faults, and reports whether ctx is still alive.
func (b *breaker) pause(ctx context.Context, low, high time.Duration) bool {
	return client.Sleep(ctx, time.Duration(b.calm*float64(b.dice.between(low, high))))
}

func (b *breaker) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failure == nil {
		b.failure = err
	}
}

// killPod kills a pod and starts it again after a pause. One that is dying already is left alone.
func (b *breaker) killPod(r *replica) {
	if !b.begin(r) {
		return
	}
	r.kill()
	time.Sleep(b.dice.between(50*time.Millisecond, 1200*time.Millisecond)) // dead for so long, whatever else happens
	r.start()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dying[r] = false
}

func (b *breaker) begin(r *replica) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dying[r] {
		return false
	}
	b.dying[r] = true
	b.podKills++
	return true
}

// killPods kills pods at random moments.
func (b *breaker) killPods(ctx context.Context) {
	for b.pause(ctx, 100*time.Millisecond, time.Second) {
		b.waiting.Go(func() { b.killPod(one(b.dice, b.shop.pods)) })
	}
}

// killAt kills pods at these moments of some requests.
func killAt(moments ...moment) fault {
	return func(b *breaker, ctx context.Context) {
		b.setMoments(moments)
		<-ctx.Done()
		b.setMoments(nil)
	}
}

func (b *breaker) setMoments(moments []moment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.moments = moments
}

// killPause is the time between two kills that requests set off: pods have to live for a while to be worth killing.
const killPause = 400 * time.Millisecond

// killDelay bounds how long after its moment a pod dies: where in its work is the dice's choice. A pod that waits for the
// provider dies at once.
var killDelay = map[moment]time.Duration{checkoutSent: 30 * time.Millisecond, webhookSent: 15 * time.Millisecond}

// observe is called at a moment of a request to or from a pod, nil for none, and now and then kills the pod. It returns
// whether the request breaks off.
func (b *breaker) observe(at moment, r *replica) (cut bool) {
	if r == nil || !b.mayKill(at) {
		return false
	}
	within := killDelay[at]
	if within == 0 {
		r.kill()
	}
	go func() {
		defer b.waiting.Done()
		time.Sleep(b.dice.between(0, within))
		b.killPod(r)
	}()
	return within == 0
}

// mayKill returns true, with waiting raised by one, for one in five of the requests while pods are killed at this moment.
func (b *breaker) mayKill(at moment) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.moments, at) || !b.dice.chance(0.2) || time.Since(b.lastKill) < time.Duration(b.calm*float64(killPause)) {
		return false
	}
	b.lastKill = time.Now()
	b.waiting.Add(1)
	return true
}

// killDatabases kills the database and starts it again.
func (b *breaker) killDatabases(ctx context.Context) {
	for b.pause(ctx, 300*time.Millisecond, 2*time.Second) {
		if err := b.shop.killDatabase(); err != nil {
			b.fail(err)
			return
		}
		b.mu.Lock()
		b.databaseKills++
		b.mu.Unlock()
		client.Sleep(ctx, b.dice.between(0, 1500*time.Millisecond))
		if err := b.shop.startDatabase(context.WithoutCancel(ctx)); err != nil {
			b.fail(fmt.Errorf("start the database after its kill: %w", err))
			return
		}
	}
}

// maxStep is about how many steps the longest piece of work of a pod takes in one direction.
const maxStep = 40

// cutConnections cuts the connections of pods at random steps.
func (b *breaker) cutConnections(ctx context.Context) {
	for ctx.Err() == nil {
		b.pause(ctx, 0, 100*time.Millisecond)
		proxy := one(b.dice, b.shop.pods).proxy
		proxy.Arm(Cut{Side: Side(b.dice.IntN(2)), Step: 1 + b.dice.IntN(maxStep), StayDown: b.dice.chance(0.3)})
		client.Sleep(ctx, b.dice.between(20*time.Millisecond, 500*time.Millisecond))
		proxy.Disarm()
	}
}

// misbehave makes the provider behave so.
func misbehave(mode providerMode) fault {
	return func(b *breaker, ctx context.Context) {
		b.shop.gateway.set(mode)
		<-ctx.Done()
		b.shop.gateway.set(providerHonest)
	}
}

// providerOutages makes the provider come and go.
func (b *breaker) providerOutages(ctx context.Context) {
	for ctx.Err() == nil {
		b.shop.gateway.set(providerDown)
		client.Sleep(ctx, b.dice.between(500*time.Millisecond, 4*time.Second))
		b.shop.gateway.set(providerHonest)
		client.Sleep(ctx, b.dice.between(200*time.Millisecond, 2*time.Second))
	}
}

// repeatWebhooks makes webhooks come several times, late and out of order.
func (b *breaker) repeatWebhooks(ctx context.Context) {
	b.shop.gateway.repeat(true)
	<-ctx.Done()
	b.shop.gateway.repeat(false)
}

// stopRegion kills all pods of one region in the middle of the run. They stay dead: the others have to finish their
// work.
func (b *breaker) stopRegion(ctx context.Context) {
	client.Sleep(ctx, b.dice.between(0, 3*time.Second))
	region := one(b.dice, b.shop.set.Names())
	for _, r := range b.shop.pods {
		if r.region == region {
			b.begin(r)
			r.kill()
		}
	}
	<-ctx.Done()
}
