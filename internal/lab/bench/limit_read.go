package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/gorilla/mux"
)

// page holds an answer of the shop, as it came.
type page struct {
	Path   string
	Header http.Header
	Body   []byte
}

// ServeBare serves the pages that it reads from in as JSON, with the same bytes and headers, and
// does nothing else: no record, no limit, no check. It writes its address to out and returns
// when in ends, which means that its starter has gone.
func ServeBare(in io.Reader, out io.Writer) error {
	input := bufio.NewReader(in)
	decoder := json.NewDecoder(input)
	var pages []page
	if err := decoder.Decode(&pages); err != nil {
		return fmt.Errorf("read the pages: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "http://"+listener.Addr().String())
	server := &http.Server{Handler: bareHandler(pages), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, in) // ends with the starter, in whichever way that ends
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// bareHandler returns a router of the shop's kind with one route.
func bareHandler(pages []page) http.Handler {
	byPath := make(map[string]page, len(pages))
	for _, p := range pages {
		byPath[p.Path] = p
	}
	router := mux.NewRouter().SkipClean(true)
	router.HandleFunc("/v1/products/{product}", func(w http.ResponseWriter, r *http.Request) {
		p, ok := byPath[productPath(mux.Vars(r)["product"])]
		if !ok {
			http.NotFound(w, r)
			return
		}
		header := w.Header()
		for name, values := range p.Header {
			header[name] = values
		}
		_, _ = w.Write(p.Body) // the client is gone otherwise
	}).Methods(http.MethodGet)
	return router
}

// bareServer runs ServeBare in a process of its own.
type bareServer struct {
	url     string
	command *exec.Cmd
	input   io.WriteCloser
}

// startBare starts the command, which must run ServeBare, and sends it the pages.
func startBare(command []string, pages []page) (*bareServer, error) {
	if len(command) == 0 {
		return nil, errors.New("the command of the bare handler is missing")
	}
	b := &bareServer{command: exec.Command(command[0], command[1:]...)}
	b.command.Stderr = os.Stderr
	var err error
	if b.input, err = b.command.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := b.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.command.Start(); err != nil {
		return nil, fmt.Errorf("start the bare handler: %w", err)
	}
	if err := json.NewEncoder(b.input).Encode(pages); err != nil {
		b.stop()
		return nil, fmt.Errorf("hand the bare handler its pages: %w", err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("hear from the bare handler: %w", err)
	}
	b.url = strings.TrimSpace(line)
	return b, nil
}

// stop ends the process, which ends with its input.
func (b *bareServer) stop() {
	_ = b.input.Close()
	_ = b.command.Wait()
}

// fetchPages reads each product of the spread from a region, as its shoppers do.
func fetchPages(ctx context.Context, url string, g *goods) ([]page, error) {
	http1 := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableCompression: true}}
	defer http1.CloseIdleConnections()
	pages := make([]page, 0, len(g.products))
	for _, id := range g.products {
		p, err := fetchPage(ctx, http1, url, productPath(id))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", productPath(id), err)
		}
		pages = append(pages, p)
	}
	return pages, nil
}

func fetchPage(ctx context.Context, from *http.Client, url, path string) (page, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
	if err != nil {
		return page{}, err
	}
	response, err := from.Do(request)
	if err != nil {
		return page{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return page{}, err
	}
	if response.StatusCode != http.StatusOK {
		return page{}, fmt.Errorf("answered %d", response.StatusCode)
	}
	header := response.Header.Clone()
	header.Del("Date") // the server sets it
	return page{Path: path, Header: header, Body: body}, nil
}

// readLimits opens the bare handler, in a process of its own, under the same visitors.
func readLimits(ctx context.Context, r *run) ([]limit, error) {
	pages, err := fetchPages(ctx, r.markets[0].url, r.goods)
	if err != nil {
		return nil, err
	}
	server, err := startBare(r.BareServer, pages)
	if err != nil {
		return nil, err
	}
	visitors := newVisitors(r.Clients, []market{{url: server.url}}, r.goods, r.Seed)
	meter := r.meter
	meter.bare = server.command.Process.Pid
	part := func(ctx context.Context, d time.Duration, s *sample) error {
		s.begin()
		return meter.during(s, func() error {
			closedLoop(ctx, visitors, d, s, browse)
			s.done = s.tally.done
			if len(s.tally.errors) > 0 {
				return fmt.Errorf("the bare handler failed: %v", s.tally.errors)
			}
			return ctx.Err()
		})
	}
	if err := part(ctx, r.WarmUp/3, new(sample)); err != nil {
		server.stop()
		return nil, err
	}
	return []limit{{
		about: "a bare mux handler in a process of its own that answers the same bytes and headers, under the same clients",
		part:  part, close: server.stop,
	}}, nil
}
