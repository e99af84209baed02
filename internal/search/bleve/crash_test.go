package bleve

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// crashFolder names the folder that a child of this test writes to until it is killed.
const crashFolder = "BLEVE_CRASH_FOLDER"

// Documents of one batch of the child, and batches it writes at most.
const (
	crashBatch   = 20
	crashBatches = 10_000
)

// TestMain is the child where crashFolder is set.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashFolder); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writeUntilKilled goes on from where the index is, and prints the number of each batch that was written.
func writeUntilKilled(dir string) error {
	store, err := Open(Config{Dir: dir})
	if err != nil {
		return err
	}
	state, err := store.Live().State(context.Background())
	if err != nil {
		return err
	}
	from, _ := strconv.Atoi(state.Positions["feed"])
	for n := from + 1; n <= crashBatches; n++ {
		c := search.Changes{Positions: map[string]string{"feed": strconv.Itoa(n)}}
		for i := range crashBatch {
			c.Put = append(c.Put, product(fmt.Sprintf("lantern %d %d", n, i)))
		}
		if err := store.Live().Apply(context.Background(), c); err != nil {
			return err
		}
		fmt.Println(n)
	}
	return nil
}

// TestCrash kills a process that writes, again and again: the index opens, holds every batch that was said to be written
// and all of each that its position counts.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	for range 8 {
		said := killWriter(t, dir, 1+rand.IntN(12))
		store, log := openStore(t, dir)
		state := testkit.Must(store.Live().State(t.Context()))(t)
		position, err := strconv.Atoi(state.Positions["feed"])
		if err != nil || position < said || state.Documents != position*crashBatch {
			t.Fatalf("after batch %d the index has %d documents and the position %q: %s", said, state.Documents, state.Positions["feed"], log)
		}
		result, err := store.Live().Search(t.Context(), search.Query{Text: "lantern"})
		if err != nil || result.Total != state.Documents {
			t.Fatalf("of %d documents %d are found: %v", state.Documents, result.Total, err)
		}
		testkit.NoError(t, store.Close())
	}
}

// killWriter starts a writer, lets it write some batches, and kills it in the middle of whatever it does then. It returns
// the last batch that the writer said was written.
func killWriter(t *testing.T, dir string, batches int) (said int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashFolder+"="+dir)
	output := testkit.Must(child.StdoutPipe())(t)
	testkit.NoError(t, child.Start())
	lines := bufio.NewScanner(output)
	for range batches {
		if !lines.Scan() {
			t.Fatalf("the writer ended by itself: %v", child.Wait())
		}
		said, _ = strconv.Atoi(lines.Text())
	}
	testkit.NoError(t, child.Process.Kill())
	for lines.Scan() {
		if n, err := strconv.Atoi(lines.Text()); err == nil {
			said = n
		}
	}
	_ = child.Wait() // killed
	return said
}
