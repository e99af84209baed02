package embedded

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/testkit"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fakeCockroach does what StartCockroach sees of a cockroach, in the folder it is started in: a node listens, is
// ready once the cluster is initialised, notes its arguments and that it drained.
func fakeCockroach(args []string) error {
	flags := map[string]string{}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		flags[name] = value
	}
	if args[0] == "init" {
		return fakeInit(flags["--host"])
	}
	if strings.Contains(flags["--locality"], "broken") {
		return errors.New("the store is damaged")
	}
	return fakeNode(args, flags)
}

const fakeCluster = "fake-cluster" // the file that stands for an initialised cluster

func fakeInit(host string) error {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return err
	}
	conn.Close()
	if _, err := os.Stat(fakeCluster); err == nil {
		return errors.New("cluster has already been initialized")
	}
	return os.WriteFile(fakeCluster, nil, 0o600)
}

func fakeNode(args []string, flags map[string]string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	store := flags["--store"]
	if err := os.WriteFile(store+".args", []byte(strings.Join(args, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	l, err := net.Listen("tcp", flags["--listen-addr"])
	if err != nil {
		return err
	}
	defer l.Close()
	http.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		if _, err := os.Stat(fakeCluster); err != nil || r.URL.Query().Get("ready") != "1" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	go http.ListenAndServe(flags["--http-addr"], nil)
	<-ctx.Done()
	return os.WriteFile(store+".drained", nil, 0o600)
}

// standIn returns a path by which the test binary, started, is the named program.
func standIn(t *testing.T, name string) string {
	t.Helper()
	self := testkit.Must(os.Executable())(t)
	path := filepath.Join(t.TempDir(), name)
	testkit.NoError(t, os.Symlink(self, path))
	return path
}

func fourNodes() []Node {
	return []Node{{Region: "us-east"}, {Region: "us-west"}, {Region: "eu-west"}, {Region: "ap-southeast"}}
}

func TestCockroachArgs(t *testing.T) {
	cfg := CockroachConfig{Dir: "/data/cockroach", Nodes: append(fourNodes(), Node{Region: "eu-west"})}
	for i := range cfg.Nodes {
		cfg.Nodes[i].ListenPort, cfg.Nodes[i].HTTPPort = 26257+i, 8090+i
	}
	var text strings.Builder
	for i := range cfg.Nodes {
		fmt.Fprintf(&text, "cockroach %s\n", strings.Join(cfg.startArgs(i), " "))
	}
	fmt.Fprintf(&text, "cockroach %s\n", strings.Join(cfg.initArgs(), " "))
	golden := filepath.Join("testdata", "cockroach.golden")
	if *update {
		testkit.NoError(t, os.WriteFile(golden, []byte(text.String()), 0o644))
	}
	want := testkit.Must(os.ReadFile(golden))(t)
	if diff := cmp.Diff(string(want), text.String()); diff != "" {
		t.Error(diff)
	}
}

func TestStartCockroach(t *testing.T) {
	cfg := CockroachConfig{Binary: standIn(t, "cockroach"), Dir: t.TempDir(), Nodes: fourNodes()}
	for _, name := range []string{"first start", "second start"} {
		t.Run(name, func(t *testing.T) {
			c := testkit.Must(StartCockroach(t.Context(), cfg))(t)
			for i, node := range c.nodes {
				if !node.running() {
					t.Errorf("node %s does not run", c.cfg.nodeName(i))
				}
			}
			testkit.NoError(t, c.Stop(t.Context()))
			wantDrained(t, c)
			if err := c.Stop(t.Context()); err != nil {
				t.Errorf("the second stop: %v", err)
			}
		})
	}
	t.Run("initialised by hand", func(t *testing.T) {
		testkit.NoError(t, os.Remove(filepath.Join(cfg.Dir, initialisedFile)))
		c := testkit.Must(StartCockroach(t.Context(), cfg))(t)
		testkit.NoError(t, c.Stop(t.Context()))
	})
}

// wantDrained checks that each node was started with its arguments and was given the time to drain.
func wantDrained(t *testing.T, c *Cockroach) {
	t.Helper()
	for i := range c.cfg.Nodes {
		store := filepath.Join(c.cfg.Dir, c.cfg.nodeName(i))
		args := testkit.Must(os.ReadFile(store + ".args"))(t)
		if diff := cmp.Diff(strings.Join(c.cfg.startArgs(i), "\n")+"\n", string(args)); diff != "" {
			t.Error(diff)
		}
		if err := os.Remove(store + ".drained"); err != nil {
			t.Errorf("node %s was not given the time to drain: %v", c.cfg.nodeName(i), err)
		}
	}
}

func TestStartCockroach_Refusals(t *testing.T) {
	taken := testkit.Listen(t)
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	binary := standIn(t, "cockroach")
	for _, test := range []struct {
		name string
		ctx  context.Context
		cfg  CockroachConfig
		want []string
	}{
		{"no node", t.Context(), CockroachConfig{Binary: binary, Dir: t.TempDir()}, []string{"at least one node"}},
		{"no folder", t.Context(), CockroachConfig{Binary: binary, Nodes: fourNodes()}, []string{"folder"}},
		{
			"port taken", t.Context(),
			CockroachConfig{Binary: binary, Dir: t.TempDir(), Nodes: []Node{{Region: "eu-west", ListenPort: port}}},
			[]string{fmt.Sprintf("port %d", port), "eu-west", "choose another"},
		},
		{
			"node fails", t.Context(),
			CockroachConfig{Binary: binary, Dir: t.TempDir(), Nodes: []Node{{Region: "broken"}}},
			[]string{"broken-a", "ended at once", "the store is damaged"},
		},
		{
			"second node fails", t.Context(),
			CockroachConfig{Binary: binary, Dir: t.TempDir(), Nodes: []Node{{Region: "eu-west"}, {Region: "broken"}}},
			[]string{"broken-a", "the store is damaged"},
		},
		{
			"cancelled", cancelled,
			CockroachConfig{Binary: binary, Dir: t.TempDir(), Nodes: fourNodes()},
			[]string{"canceled"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := StartCockroach(test.ctx, test.cfg)
			wantLine(t, err, test.want...)
		})
	}
}

func TestCockroachURL(t *testing.T) {
	c := &Cockroach{cfg: CockroachConfig{Nodes: []Node{{"us-east", 26257, 8090}, {"eu-west", 26258, 8091}}}}
	for region, want := range map[string]string{
		"us-east": "postgresql://root@127.0.0.1:26257/shop?sslmode=disable",
		"eu-west": "postgresql://root@127.0.0.1:26258/shop?sslmode=disable",
		"nowhere": "postgresql://root@127.0.0.1:26257/shop?sslmode=disable",
	} {
		if diff := cmp.Diff(want, c.URL(region, "shop")); diff != "" {
			t.Errorf("%s: %s", region, diff)
		}
	}
}

func TestFindCockroach(t *testing.T) {
	binary := standIn(t, "cockroach")
	t.Run("by variable", func(t *testing.T) {
		t.Setenv(CockroachBinaryEnv, binary)
		wantFound(t, binary)
	})
	t.Run("in PATH", func(t *testing.T) {
		t.Setenv(CockroachBinaryEnv, "")
		t.Setenv("PATH", filepath.Dir(binary))
		wantFound(t, binary)
	})
	t.Run("not there", func(t *testing.T) {
		t.Setenv(CockroachBinaryEnv, "")
		t.Setenv("PATH", t.TempDir())
		_, err := FindCockroach()
		wantLine(t, err, "install", CockroachBinaryEnv)
	})
	t.Run("variable names nothing", func(t *testing.T) {
		t.Setenv(CockroachBinaryEnv, "/nowhere/cockroach")
		_, err := FindCockroach()
		wantLine(t, err, CockroachBinaryEnv+"=/nowhere/cockroach")
	})
}

func wantFound(t *testing.T, want string) {
	t.Helper()
	got := testkit.Must(FindCockroach())(t)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
