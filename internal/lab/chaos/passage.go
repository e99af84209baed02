package chaos

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
)

// passage is one connection through a proxy, read message by message as chapter 54 of PostgreSQL's manual has them.
type passage struct {
	client, server net.Conn
	step           func(Side) bool
	closing        sync.Once
}

// run passes messages on in both directions until either ends.
func (w *passage) run() {
	toServer, toClient := bufio.NewReader(w.client), bufio.NewReader(w.server)
	if err := w.startup(toServer); err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		defer w.close()
		_ = w.copy(w.server, toServer, BeforeServer) // however it ends, the connection ends
	})
	both.Go(func() {
		defer w.close()
		_ = w.copy(w.client, toClient, BeforeClient)
	})
	both.Wait()
}

func (w *passage) close() {
	w.closing.Do(func() {
		_ = w.client.Close()
		_ = w.server.Close()
	})
}

// The bounds and codes of the message that opens a connection. It has no type.
const (
	maxStartup = 10_000
	askForTLS  = 80877103
)

var errNotAStartup = errors.New("this is not how PostgreSQL's clients begin")

// startup passes the first message on. A client that asks for TLS is told that there is none, for the messages have
// to be read here.
func (w *passage) startup(from *bufio.Reader) error {
	for {
		head, err := from.Peek(8)
		if err != nil {
			return err
		}
		length := binary.BigEndian.Uint32(head)
		if length < 8 || length > maxStartup {
			return errNotAStartup
		}
		if binary.BigEndian.Uint32(head[4:]) != askForTLS {
			_, err := io.CopyN(w.server, from, int64(length))
			return err
		}
		if _, err := from.Discard(int(length)); err != nil {
			return err
		}
		if _, err := w.client.Write([]byte{'N'}); err != nil {
			return err
		}
	}
}

// steps are the messages that a cut can fall on: Execute, Query and Sync to the server; CommandComplete,
// ErrorResponse and ReadyForQuery from it.
var steps = map[Side]string{BeforeServer: "EQS", BeforeClient: "CEZ"}

// errCut ends a connection at the chosen step.
var errCut = errors.New("cut")

// copy passes typed messages on. What came before a cut on the way to the server is delivered.
func (w *passage) copy(to net.Conn, from *bufio.Reader, side Side) error {
	out := bufio.NewWriter(to)
	for {
		head, err := from.Peek(5) // a type and a length, which counts itself
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		if strings.IndexByte(steps[side], head[0]) >= 0 {
			if side == BeforeServer {
				if err := out.Flush(); err != nil {
					return err
				}
			}
			if !w.step(side) {
				return errCut
			}
		}
		length := int64(binary.BigEndian.Uint32(head[1:]))
		if _, err := io.CopyN(out, from, 1+length); err != nil {
			return err
		}
		if from.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}
