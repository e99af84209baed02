package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// breaker breaks a shop as its scenario says, and counts what it did.
type breaker struct {
	shop *shop
	load *load
	dice *dice
	calm float64 // by how much the pauses between two faults of a kind are longer; 1 is as wild as it gets

	waiting sync.WaitGroup // faults that were begun by hooks

	mu            sync.Mutex
	dying         map[*replica]bool
	lastKill      time.Time
	podKills      int
	databaseKills int
	failure       error
}

func newBreaker(s *shop, l *load, d *dice, calm float64) *breaker {
	return &breaker{shop: s, load: l, dice: d, calm: max(calm, 1), dying: make(map[*replica]bool)}
}

// pause waits between two faults, and reports whether ctx is still alive.
func (b *breaker) pause(ctx context.Context, low, high time.Duration) bool {
	return sleep(ctx, time.Duration(b.calm*float64(b.dice.between(low, high))))
}

// fail keeps the first thing that could not be done: the run is then worth nothing.
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
	if err := r.start(); err != nil {
		b.fail(err)
	}
	b.end(r)
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

func (b *breaker) end(r *replica) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dying[r] = false
}

// killPause is the time between two kills that requests set off: pods have to live for a while to be worth killing.
const killPause = 400 * time.Millisecond

// mayKill is true for one of the requests that come by, now and then.
func (b *breaker) mayKill(ctx context.Context) bool {
	if !b.dice.chance(0.2) {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() != nil || time.Since(b.lastKill) < time.Duration(b.calm*float64(killPause)) {
		return false
	}
	b.lastKill = time.Now()
	return true
}

// killSoon kills a pod while it is at work on what it has just been sent.
func (b *breaker) killSoon(r *replica, within time.Duration) {
	b.waiting.Go(func() {
		time.Sleep(b.dice.between(0, within)) // where in its work it dies is the dice's choice
		b.killPod(r)
	})
}

// killPods kills pods at random moments until ctx ends.
func (b *breaker) killPods(ctx context.Context) {
	for b.pause(ctx, 100*time.Millisecond, time.Second) {
		b.waiting.Go(func() { b.killPod(one(b.dice, b.shop.pods)) })
	}
}

// killInCheckout kills pods that have just been sent a checkout.
func (b *breaker) killInCheckout(ctx context.Context) {
	b.load.onCheckout(func(r *replica) {
		if b.mayKill(ctx) {
			b.killSoon(r, 30*time.Millisecond)
		}
	})
	<-ctx.Done()
}

// killInPayment kills pods that wait for the payment provider: before it has heard of the payment, or after it has
// done what it was asked.
func (b *breaker) killInPayment(ctx context.Context) {
	b.shop.bank.watch(func(c bankCall) bool {
		r := b.shop.find(func(r *replica) bool { return r.name == c.pod })
		if r == nil || !b.mayKill(ctx) {
			return false
		}
		r.kill() // at this very moment, not soon
		b.waiting.Go(func() { b.killPod(r) })
		return true
	})
	<-ctx.Done()
	b.shop.bank.watch(nil)
}

// killInWebhook kills pods that have just been sent a webhook.
func (b *breaker) killInWebhook(ctx context.Context) {
	b.shop.notices.watch(func(target string) {
		r := b.shop.find(func(r *replica) bool { return strings.HasPrefix(target, r.base+"/") })
		if r != nil && b.mayKill(ctx) {
			b.killSoon(r, 15*time.Millisecond)
		}
	})
	<-ctx.Done()
	b.shop.notices.watch(nil)
}

// killDatabases kills the database and starts it again, until ctx ends.
func (b *breaker) killDatabases(ctx context.Context) {
	for b.pause(ctx, 300*time.Millisecond, 2*time.Second) {
		if err := b.shop.killDatabase(); err != nil {
			b.fail(err)
			return
		}
		b.mu.Lock()
		b.databaseKills++
		b.mu.Unlock()
		sleep(ctx, b.dice.between(0, 1500*time.Millisecond))
		if err := b.shop.startDatabase(context.WithoutCancel(ctx)); err != nil {
			b.fail(fmt.Errorf("start the database after its kill: %w", err))
			return
		}
	}
}

// maxStep is about how many steps the longest piece of work of a pod takes in one direction.
const maxStep = 40

// cutConnections cuts the connections of pods at random steps, until ctx ends.
func (b *breaker) cutConnections(ctx context.Context) {
	for ctx.Err() == nil {
		b.pause(ctx, 0, 100*time.Millisecond)
		proxy := one(b.dice, b.shop.pods).proxy
		c := Cut{Side: BeforeServer, Step: 1 + b.dice.number(maxStep), StayDown: b.dice.chance(0.3)}
		if b.dice.chance(0.5) {
			c.Side = BeforeClient
		}
		proxy.Arm(c)
		sleep(ctx, b.dice.between(20*time.Millisecond, 500*time.Millisecond))
		proxy.Disarm()
	}
}

// cuts is how many connections were cut.
func (b *breaker) cuts() int {
	n := 0
	for _, r := range b.shop.pods {
		if r.proxy != nil {
			n += r.proxy.Cuts()
		}
	}
	return n
}

// misbehave has the provider be so until ctx ends.
func (b *breaker) misbehave(ctx context.Context, mode bankMode) {
	b.shop.bank.set(mode)
	<-ctx.Done()
	b.shop.bank.set(bankHonest)
}

// beMoody has the provider be slow, down or untruthful from call to call, until ctx ends.
func (b *breaker) beMoody(ctx context.Context) { b.misbehave(ctx, bankMoody) }

// bankOutages has the provider come and go until ctx ends.
func (b *breaker) bankOutages(ctx context.Context) {
	for ctx.Err() == nil {
		b.shop.bank.set(bankDown)
		sleep(ctx, b.dice.between(500*time.Millisecond, 4*time.Second))
		b.shop.bank.set(bankHonest)
		sleep(ctx, b.dice.between(200*time.Millisecond, 2*time.Second))
	}
}

// repeatNotices has webhooks come several times, late and out of order, until ctx ends.
func (b *breaker) repeatNotices(ctx context.Context) {
	b.shop.notices.repeat(true)
	<-ctx.Done()
	b.shop.notices.repeat(false)
}

// stopRegion kills all pods of one region, in the middle of the run. They stay dead: the others have to finish their
// work.
func (b *breaker) stopRegion(ctx context.Context) {
	sleep(ctx, b.dice.between(0, 3*time.Second))
	region := one(b.dice, b.shop.set.Names())
	for _, r := range b.shop.pods {
		if r.region == region {
			b.begin(r)
			r.kill()
		}
	}
	<-ctx.Done()
}

// run breaks the shop in all the given ways until ctx ends, and returns when all that it broke for a while is whole
// again.
func (b *breaker) run(ctx context.Context, ways ...func(context.Context)) error {
	var running sync.WaitGroup
	for _, way := range ways {
		running.Go(func() { way(ctx) })
	}
	running.Wait()
	b.waiting.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(b.failure)
}
