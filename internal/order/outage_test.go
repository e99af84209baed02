package order_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/testkit"
)

// network is what stands between a shop and its database, and can lose an answer.
type network struct {
	word atomic.Pointer[[]byte] // the answer to the next message with this word is lost
}

// lose loses the answer to the next message that holds the word: what it asks for happens.
func (n *network) lose(word string) { n.word.Store(ptr([]byte(word))) }

// over is the same shop's part in its region, with a network of its own.
func (s *shop) over(t testing.TB) (*shop, *network) {
	t.Helper()
	u := testkit.Must(url.Parse(s.kit.URL))(t)
	listener := testkit.Listen(t)
	n := new(network)
	var connections sync.WaitGroup
	server := u.Host
	connections.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { n.serve(client, server) })
		}
	})
	t.Cleanup(func() { listener.Close(); connections.Wait() })
	u.Host = listener.Addr().String()
	there := *s
	kit := *s.kit
	kit.URL, there.kit = u.String(), &kit
	return there.in(t, s.db.Region()), n
}

func (n *network) serve(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	var cut atomic.Bool
	var up sync.WaitGroup
	up.Go(func() {
		defer server.Close()
		buffer := make([]byte, 256<<10)
		for {
			size, err := client.Read(buffer)
			if word := n.word.Load(); word != nil && bytes.Contains(buffer[:size], *word) && n.word.CompareAndSwap(word, nil) {
				cut.Store(true)
			}
			if _, werr := server.Write(buffer[:size]); err != nil || werr != nil {
				return
			}
		}
	})
	buffer := make([]byte, 256<<10)
	for {
		size, err := server.Read(buffer)
		if cut.Load() {
			if err == nil && !isReady(buffer[:size]) {
				continue // until the server is through with it
			}
			break
		}
		if _, werr := client.Write(buffer[:size]); err != nil || werr != nil {
			break
		}
	}
	client.Close()
	up.Wait()
}

// isReady tells the end of the server's answer: ReadyForQuery, outside a transaction.
func isReady(answer []byte) bool { return bytes.HasSuffix(answer, []byte("Z\x00\x00\x00\x05I")) }

// TestPlace_AnswerLost: the order is there, and is what the call brings back.
func TestPlace_AnswerLost(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	in := s.to(s.basket(t, units("A", 2)), "IE")
	there, network := s.over(t)
	network.lose("order.placed")
	_, err := there.Place(t.Context(), in)
	var replay *idempotency.Replay
	if !errors.As(err, &replay) {
		t.Fatalf("got %v", err)
	}
	if ids := list[uuid.UUID](t, s, `SELECT id FROM orders`); len(ids) != 1 {
		t.Errorf("%d orders", len(ids))
	}
	if got := s.counters(t, "euw-1", "A"); got != "9/2/0" {
		t.Errorf("counters %s", got)
	}
	s.wantSound(t)
}

// TestSettle_AnswerLost: an outcome is recorded once, however often it is written.
func TestSettle_AnswerLost(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	o := s.place(t, units("A", 2))
	there, network := s.over(t)
	network.lose("order.paid")
	if err := there.Settle(t.Context(), o.Ref, success(o)); err != nil {
		t.Errorf("got %v", err)
	}
	s.wantStatus(t, o, order.Paid)
	s.wantSound(t)
}

// TestRefund_AnswerLost: money is promised once, though nobody heard of it.
func TestRefund_AnswerLost(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	there, network := s.over(t)
	for _, key := range []string{"", "k1"} {
		o := s.paid(t, units("A", 2))
		in := order.RefundInput{Command: by(o), AmountMinor: 300}
		if key != "" {
			in.Idempotency = idempotency.Key{Region: o.Ref.Region, Scope: s.PublicID(o.Ref), Key: key, Fingerprint: []byte("x")}
		}
		network.lose("order.refund_promised")
		_, err := there.Refund(t.Context(), in)
		switch {
		case key == "" && !errors.Is(err, database.ErrOutcomeUnknown):
			t.Errorf("without a key: %v", err)
		case key != "" && !is[*idempotency.Replay](err):
			t.Errorf("with a key: %v", err)
		}
		if got := s.get(t, o); got.Payment.RefundedMinor != 300 || len(got.Refunds) != 1 {
			t.Errorf("%d promised in %d refunds", got.Payment.RefundedMinor, len(got.Refunds))
		}
	}
	s.wantSound(t)
}

// TestAdvance_AnswerLost: who asked for a step that was made is told so.
func TestAdvance_AnswerLost(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	there, network := s.over(t)
	o := s.paid(t, units("A", 2))
	network.lose("order.packed")
	packed, err := there.Pack(context.Background(), by(o))
	if err != nil || packed.Status != order.Packed {
		t.Errorf("%s, %v", packed.Status, err)
	}
	s.wantSound(t)
}

// TestRetryRefund_AnswerLost: who sent a failed refund again is told of the new one.
func TestRetryRefund_AnswerLost(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	there, network := s.over(t)
	o := s.paid(t, units("A", 2))
	s.refund(t, order.RefundInput{Command: by(o)})
	s.bank.onRefund = func(payment.RefundInput) (payment.RefundOutcome, error) {
		return payment.RefundOutcome{}, &payment.RejectedError{Code: "closed"}
	}
	wantPass(t, 1, s.SendRefundsOnce)
	failed := s.get(t, o).Refunds[0]
	network.lose("usr_euw_unheard")
	again, err := there.RetryRefund(t.Context(), order.RetryRefundInput{Refund: failed.Ref, Actor: "usr_euw_unheard"})
	if err != nil || again.AmountMinor != failed.AmountMinor {
		t.Errorf("%+v, %v", again, err)
	}
	if got := s.get(t, o); len(got.Refunds) != 2 || got.Payment.RefundedMinor != o.TotalMinor {
		t.Errorf("%d promised in %d refunds", got.Payment.RefundedMinor, len(got.Refunds))
	}
	s.wantSound(t)
}
