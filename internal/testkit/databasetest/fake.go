package databasetest

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"meridian/internal/testkit"
)

// FakeServer returns the connection string of a server that answers every query with one text, its version. It stands
// in for servers that cannot be had, until the test has ended.
func FakeServer(t testing.TB, version string) string {
	t.Helper()
	listener := testkit.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if err := serveVersion(pgproto3.NewBackend(conn, conn), version); err != nil && !isGone(err) {
					t.Errorf("the fake server: %v", err)
				}
			}()
		}
	}()
	return "postgres://shop@" + listener.Addr().String() + "/shop?sslmode=disable"
}

func isGone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		strings.Contains(err.Error(), "reset by peer")
}

// serveVersion answers a client until it leaves.
func serveVersion(b *pgproto3.Backend, version string) error {
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return err
	}
	ready := &pgproto3.ReadyForQuery{TxStatus: 'I'}
	b.Send(&pgproto3.AuthenticationOk{})
	if strings.HasPrefix(version, "CockroachDB") {
		b.Send(&pgproto3.ParameterStatus{Name: "crdb_version", Value: version})
	}
	b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	b.Send(ready)
	columns := &pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("version"), DataTypeOID: pgtype.TextOID,
		DataTypeSize: -1, TypeModifier: -1}}}
	for {
		if err := b.Flush(); err != nil {
			return err
		}
		message, err := b.Receive()
		if err != nil {
			return err
		}
		switch message.(type) {
		case *pgproto3.Query: // the settings of a connection
			b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SET")})
			b.Send(ready)
		case *pgproto3.Parse:
			b.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Describe:
			b.Send(&pgproto3.ParameterDescription{})
			b.Send(columns)
		case *pgproto3.Bind:
			b.Send(&pgproto3.BindComplete{})
		case *pgproto3.Execute:
			b.Send(&pgproto3.DataRow{Values: [][]byte{[]byte(version)}})
			b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
		case *pgproto3.Sync:
			b.Send(ready)
		case *pgproto3.Terminate:
			return nil
		}
	}
}
