package chaos

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// door is an HTTP server on a free port of 127.0.0.1, through which others come to what is behind it.
type door struct {
	base    string // its URL
	server  *http.Server
	serving sync.WaitGroup
}

// silence takes what net/http has to say of connections that break: they are meant to.
var silence = log.New(io.Discard, "", 0)

func openDoor(handler http.HandlerFunc) (*door, error) {
	listener, err := net.Listen("tcp", address(0))
	if err != nil {
		return nil, fmt.Errorf("open a door to the payment provider: %w", err)
	}
	d := &door{
		base:   "http://" + listener.Addr().String(),
		server: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: silence},
	}
	d.serving.Go(func() { _ = d.server.Serve(listener) }) // it ends by Close
	return d, nil
}

// Close ends the server and the calls it has.
func (d *door) Close() error {
	err := d.server.Close()
	d.serving.Wait()
	return err
}
