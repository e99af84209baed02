package sandbox

import (
	"container/heap"
	"context"
	"errors"
	"time"
)

// jobKind says what a job does.
type jobKind int

const (
	settlePaymentJob jobKind = iota
	settleRefundJob
	deliverJob
)

// job is something to do at a given time. Jobs live in memory only and are rebuilt from the state.
type job struct {
	due      time.Time
	order    uint64 // of jobs due at the same time
	kind     jobKind
	id       string // of the payment or the event
	refundID string
	try      int // of a delivery, from 0
}

// settleJobs returns the job that settles a payment, if it is due to settle by itself.
func settleJobs(p *paymentState) []job {
	if p.DueAt.IsZero() || p.Status.Final() {
		return nil
	}
	return []job{{due: p.DueAt, kind: settlePaymentJob, id: p.ID}}
}

// deliveryJobs returns a job for each copy of each event. An event that must follow another is held until that is
// done. s.mu is held.
func (s *Server) deliveryJobs(events []*eventState) []job {
	var jobs []job
	for _, e := range events {
		if s.memory.events[e.After] != nil {
			s.memory.held[e.After] = append(s.memory.held[e.After], e)
			continue
		}
		for range e.Copies {
			jobs = append(jobs, job{due: s.cfg.Now(), kind: deliverJob, id: e.ID})
		}
	}
	return jobs
}

// resume queues the jobs that a loaded state calls for.
func (s *Server) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var jobs []job
	for _, p := range s.memory.payments {
		jobs = append(jobs, settleJobs(p)...)
		for _, r := range p.Refunds {
			if r.pending() {
				jobs = append(jobs, job{due: r.DueAt, kind: settleRefundJob, id: p.ID, refundID: r.ID})
			}
		}
	}
	for _, e := range s.memory.events {
		jobs = append(jobs, s.deliveryJobs([]*eventState{e})...)
	}
	s.pushLocked(jobs...)
}

// queue is a heap of jobs, the next one first.
type queue []job

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(job)) }
func (q queue) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].order < q[j].order
	}
	return q[i].due.Before(q[j].due)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	(*q)[last] = job{}
	*q = (*q)[:last]
	return x
}

// push queues jobs and wakes Run.
func (s *Server) push(jobs ...job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushLocked(jobs...)
}

// pushLocked does the work of push while s.mu is held.
func (s *Server) pushLocked(jobs ...job) {
	for _, j := range jobs {
		s.pushed++
		j.order = s.pushed
		heap.Push(&s.queue, j)
	}
	if len(jobs) == 0 {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// idleWait is how long Run sleeps with an empty queue, unless it is woken.
const idleWait = time.Hour

// take removes the next job that is due, or returns how long to wait for it.
func (s *Server) take() (j job, wait time.Duration, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return job{}, idleWait, false
	}
	if wait := s.queue[0].due.Sub(s.cfg.Now()); wait > 0 {
		return job{}, wait, false
	}
	return heap.Pop(&s.queue).(job), 0, true
}

// Run settles payments and delivers webhooks, Config.MaxConcurrent at a time, until ctx ends or Close is called. It
// returns once the webhooks being sent are answered or given up for now; they are sent again after a restart.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.enter(ctx, cancel); err != nil {
		return err
	}
	defer s.running.Done()
	slots := make(chan struct{}, s.cfg.MaxConcurrent)
	for s.runNext(ctx, slots) {
	}
	for range s.cfg.MaxConcurrent { // holding all slots means that no job runs
		slots <- struct{}{}
	}
	return nil
}

// enter registers a Run, which Close cancels.
func (s *Server) enter(ctx context.Context, cancel func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("sandbox is closed")
	}
	s.running.Add(1)
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return nil
}

// runNext starts the next job, or waits until there may be one. It returns false when ctx has ended.
func (s *Server) runNext(ctx context.Context, slots chan struct{}) bool {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	j, wait, due := s.take()
	if due {
		go func() {
			defer func() { <-slots }()
			s.do(ctx, j)
		}()
		return ctx.Err() == nil
	}
	<-slots
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-s.wake:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	return true
}

// RunOnce does the jobs that are due, and those that they make due, one after the other in order of time. It returns
// how many it did, and stops early when ctx ends. Tests that control the clock use it instead of Run: it covers every
// answer that its caller has seen.
func (s *Server) RunOnce(ctx context.Context) (n int, err error) {
	s.answering.Lock() // wait for what follows from answers that are out
	//lint:ignore SA2001 there is nothing to do but wait
	s.answering.Unlock()
	for ctx.Err() == nil {
		j, _, due := s.take()
		if !due {
			return n, nil
		}
		s.do(ctx, j)
		n++
	}
	return n, ctx.Err()
}

// do runs a job. A job that cannot be recorded is tried again later.
func (s *Server) do(ctx context.Context, j job) {
	var next []job
	var err error
	switch j.kind {
	case settlePaymentJob:
		next, err = s.settlePayment(j.id)
	case settleRefundJob:
		next, err = s.settleRefund(j.id, j.refundID)
	case deliverJob:
		next, err = s.deliver(ctx, j)
	}
	if err != nil {
		s.cfg.Logger.Error("sandbox job", "id", j.id, "error", err)
		j.due = s.cfg.Now().Add(s.cfg.MaxBackoff)
		next = append(next, j)
	}
	s.push(next...)
}

// doNow runs the jobs of a payment that has just been created, and the first try of its notices, before they are due.
func (s *Server) doNow(ctx context.Context, jobs []job) {
	for _, j := range jobs {
		notices := []job{j}
		if j.kind == settlePaymentJob {
			var err error
			if notices, err = s.settlePayment(j.id); err != nil {
				notices = []job{j} // do logs why, and sees to it later
			}
		}
		for _, notice := range notices {
			s.do(ctx, notice)
		}
	}
}
