package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// noticeDoor stands between the payment sandbox and the pods: it takes each webhook to a pod, any of them.
type noticeDoor struct {
	*door
	dice     *dice
	targets  func() []string // the pods' URLs for webhooks
	client   *http.Client
	repeated atomic.Bool
	hook     atomic.Pointer[func(target string)]
	sending  sync.WaitGroup
	alive    context.Context // until Close: what is late may come after the sandbox has its answer
	stop     context.CancelFunc
}

// newNoticeDoor opens a door. The caller closes it.
func newNoticeDoor(targets func() []string, d *dice) (*noticeDoor, error) {
	n := &noticeDoor{dice: d, targets: targets, client: &http.Client{Timeout: 8 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	n.alive, n.stop = context.WithCancel(context.Background())
	var err error
	n.door, err = openDoor(n.serve)
	return n, err
}

// url is where the sandbox sends webhooks.
func (n *noticeDoor) url() string { return n.base + "/" }

// repeat has each notice delivered up to three times, at different pods, some at once and some seconds late, so that
// they overtake each other.
func (n *noticeDoor) repeat(on bool) { n.repeated.Store(on) }

// watch has hook called just before a pod gets a notice, until watch(nil).
func (n *noticeDoor) watch(hook func(target string)) {
	if hook == nil {
		n.hook.Store(nil)
		return
	}
	n.hook.Store(&hook)
}

// maxNotice bounds a webhook, in bytes.
const maxNotice = 1 << 20

// latest is how late a repeated notice comes at most: less than the sandbox waits for an answer.
const latest = 4 * time.Second

func (n *noticeDoor) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxNotice))
	if err != nil {
		return // the sandbox sends it again
	}
	if n.repeated.Load() {
		for range n.dice.number(3) {
			n.sending.Go(func() {
				if sleep(n.alive, n.lateness()) {
					_, _ = n.deliver(n.alive, r.Header, body) // one too many: whether it arrives does not matter
				}
			})
		}
		sleep(r.Context(), n.lateness())
	}
	status, err := n.deliver(r.Context(), r.Header, body)
	if err != nil {
		status = http.StatusBadGateway
	}
	w.WriteHeader(status)
}

// lateness is nothing half of the time.
func (n *noticeDoor) lateness() time.Duration {
	if n.dice.chance(0.5) {
		return 0
	}
	return n.dice.between(0, latest)
}

// deliver takes a notice to one of the pods and returns what that answered.
func (n *noticeDoor) deliver(ctx context.Context, header http.Header, body []byte) (int, error) {
	target := one(n.dice, n.targets())
	if hook := n.hook.Load(); hook != nil {
		(*hook)(target)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("make a webhook's request: %w", err)
	}
	request.Header = header.Clone()
	response, err := n.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("deliver a webhook: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 4096)
	return response.StatusCode, nil
}

// Close ends the door and what is still on its way.
func (n *noticeDoor) Close() error {
	n.stop()
	err := n.door.Close()
	n.sending.Wait()
	return err
}
