package dns

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Bounds of what connections may hold.
const (
	maxConnections     = 1024
	maxPerNetwork      = 64 // of them for a /24 or /56
	maxPerConnection   = 10_000
	connectionIdle     = 10 * time.Second // RFC 7766, section 6.2.3 wants seconds
	connectionDeadline = 5 * time.Second  // for a response
)

// connections counts the open connections of each network.
type connections struct {
	mu    sync.Mutex
	open  map[netip.Prefix]int
	all   map[net.Conn]bool
	done  sync.WaitGroup
	ended bool
}

// enter counts a connection, and reports whether there was room for it. leave gives the room back.
func (c *connections) enter(network netip.Prefix, connection net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || len(c.all) >= maxConnections || c.open[network] >= maxPerNetwork {
		return false
	}
	c.open[network]++
	c.all[connection] = true
	c.done.Add(1)
	return true
}

func (c *connections) leave(network netip.Prefix, connection net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, connection)
	if c.open[network]--; c.open[network] == 0 {
		delete(c.open, network)
	}
	c.done.Done()
}

// end wakes those that wait for a request, lets the others send their response, and waits for all.
func (c *connections) end() {
	c.mu.Lock()
	c.ended = true
	for connection := range c.all {
		_ = connection.SetReadDeadline(time.Now()) // which fails only for one that is closed
	}
	c.mu.Unlock()
	c.done.Wait()
}

// limitNetwork returns the network whose clients share a limit.
func limitNetwork(addr netip.Addr) netip.Prefix {
	bits := limitBits6
	if addr.Is4() {
		bits = limitBits4
	}
	network, _ := addr.Prefix(bits) // which fails for no address, and that is a network too
	return network
}

// serveTCP answers the listener's connections until it is closed.
func (s *Server) serveTCP(listener net.Listener, c *counts) {
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // want of file descriptors: another try, not at once
			continue
		}
		from, _ := netip.ParseAddrPort(connection.RemoteAddr().String()) // as net prints it
		addr := from.Addr().Unmap()
		if network := limitNetwork(addr); s.open.enter(network, connection) {
			go func() {
				defer s.open.leave(network, connection)
				defer connection.Close()
				s.converse(connection, addr, s.newResponder(c))
			}()
			continue
		}
		_ = connection.Close()
	}
}

// converse answers the requests of a connection, one after the other, until the client has none left.
func (s *Server) converse(connection net.Conn, from netip.Addr, r *responder) {
	var request [2 + maxQueryBytes]byte
	var framed []byte
	for range maxPerConnection {
		if !s.open.wait(connection, connectionIdle) {
			return
		}
		if _, err := io.ReadFull(connection, request[:2]); err != nil {
			return
		}
		length := int(binary.BigEndian.Uint16(request[:]))
		if length > maxQueryBytes {
			return
		}
		if _, err := io.ReadFull(connection, request[2:2+length]); err != nil {
			return
		}
		response := r.respond(request[2:2+length], from, true)
		if response == nil || connection.SetWriteDeadline(time.Now().Add(connectionDeadline)) != nil {
			return
		}
		framed = append(binary.BigEndian.AppendUint16(framed[:0], uint16(len(response))), response...)
		if _, err := connection.Write(framed); err != nil {
			return
		}
	}
}

// wait sets the deadline of the next request, unless the server ends.
func (c *connections) wait(connection net.Conn, patience time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.ended && connection.SetReadDeadline(time.Now().Add(patience)) == nil
}
