package chaos

import (
	"context"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// bankMode is how the payment provider behaves towards pods.
type bankMode int32

const (
	bankHonest bankMode = iota
	bankSlow            // takes up to ten seconds, which is longer than pods wait
	bankDown            // nobody is there
	bankLying           // does what it is asked, and answers 500
	bankMoody           // any of these, from call to call
)

// bankDoor stands between the pods and the payment sandbox. Each pod comes by a path of its own.
type bankDoor struct {
	*door
	dice    *dice
	forward *httputil.ReverseProxy
	mode    atomic.Int32
	hook    atomic.Pointer[func(bankCall) bool]
}

// moment is a point of a call on its way to the provider and back.
type moment int

const (
	asked    moment = iota // the provider has not got it
	answered               // the provider has done it, the pod does not know
)

// bankCall is a pod's call to the provider.
type bankCall struct {
	pod, path string
	mode      bankMode
	moment    moment
}

type bankCallKey struct{}

// newBankDoor opens a door to the sandbox of that URL. The caller closes it.
func newBankDoor(sandbox string, d *dice) (*bankDoor, error) {
	target, err := url.Parse(sandbox)
	if err != nil {
		return nil, err
	}
	b := &bankDoor{dice: d}
	b.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path = r.In.Context().Value(bankCallKey{}).(bankCall).path
			r.SetURL(target)
		},
		ModifyResponse: b.onAnswer,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // no answer at all
		ErrorLog:       silence,
	}
	b.door, err = openDoor(b.serve)
	return b, err
}

// url is where a pod finds the provider.
func (b *bankDoor) url(pod string) string { return b.base + "/" + pod }

func (b *bankDoor) set(mode bankMode) { b.mode.Store(int32(mode)) }

// watch has hook called at both moments of each call, until watch(nil). The call ends there, without an answer, if it
// returns true.
func (b *bankDoor) watch(hook func(bankCall) bool) {
	if hook == nil {
		b.hook.Store(nil)
		return
	}
	b.hook.Store(&hook)
}

// isCutOff tells the hook of a call.
func (b *bankDoor) isCutOff(c bankCall) bool {
	hook := b.hook.Load()
	return hook != nil && (*hook)(c)
}

func (b *bankDoor) serve(w http.ResponseWriter, r *http.Request) {
	c := bankCall{mode: bankMode(b.mode.Load()), moment: asked}
	c.pod, c.path, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c.path = "/" + c.path
	if c.mode == bankMoody {
		c.mode = bankMode(b.dice.number(int(bankMoody)))
	}
	if c.mode == bankDown || b.isCutOff(c) {
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	if c.mode == bankSlow {
		sleep(r.Context(), b.slowness())
	}
	// Once it is on its way it is done, also where the pod has given up.
	ctx := context.WithValue(context.WithoutCancel(r.Context()), bankCallKey{}, c)
	b.forward.ServeHTTP(w, r.WithContext(ctx))
}

// onAnswer is between the provider's answer and the pod.
func (b *bankDoor) onAnswer(response *http.Response) error {
	c := response.Request.Context().Value(bankCallKey{}).(bankCall)
	c.moment = answered
	switch {
	case b.isCutOff(c):
		return errCut // ErrorHandler ends the connection
	case c.mode == bankSlow:
		sleep(response.Request.Context(), b.slowness())
	case c.mode == bankLying:
		_ = response.Body.Close()
		response.StatusCode, response.Status = http.StatusInternalServerError, "500 Internal Server Error"
		response.Header = make(http.Header)
		response.Body, response.ContentLength = io.NopCloser(strings.NewReader("")), 0
	}
	return nil
}

// slowness is how long a slow provider takes in one direction: half of the time less than 1.3 s, one time in fourteen
// longer than pods wait, which is 8 s.
func (b *bankDoor) slowness() time.Duration {
	share := b.dice.share()
	return time.Duration(share * share * share * float64(10*time.Second))
}
