package databasetest_test

import (
	"testing"

	"meridian/internal/testkit/databasetest"
)

// BenchmarkNew measures a test's whole share: its database made, opened, closed and dropped.
//
// PostgreSQL 15 on two cores, data in memory, the shop's tables: FILE_COPY beats WAL_LOG, the default, although it
// waits for two checkpoints, because with fsync off a checkpoint is cheap and WAL_LOG sends each page through the
// buffers and the log.
func BenchmarkNew(b *testing.B) {
	databasetest.URL(b) // starts the server and makes the template
	b.Run("one by one", func(b *testing.B) {
		for b.Loop() {
			newAndDrop(b)
		}
	})
	b.Run("eight at once", func(b *testing.B) {
		b.SetParallelism(4)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				newAndDrop(b)
			}
		})
	})
}

func newAndDrop(b *testing.B) {
	t := &shortTest{TB: b}
	defer t.end()
	databasetest.New(t)
}

// shortTest is a test that ends before the benchmark does.
type shortTest struct {
	testing.TB
	cleanups []func()
}

func (t *shortTest) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *shortTest) end() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}
