package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"meridian/internal/lab/eval"
	labreport "meridian/internal/lab/report"
	"meridian/internal/search"
	"meridian/internal/search/bleve"
	"meridian/internal/search/meilisearch"
)

// evalFlags holds the flags of `meridian search eval`.
type evalFlags struct {
	config               eval.Config
	documents, knownItem string
	judged               string
	perQuery             string
	meiliURL             string
	asJSON               bool
}

func newSearchEvalCommand() *cobra.Command {
	var f evalFlags
	command := &cobra.Command{
		Use:   "eval [QUERIES JUDGEMENTS]",
		Short: "Measure how relevant what is found is, beside plain search engines",
		Long: `Measures relevance on judged queries: nDCG@10, MRR, recall@10 and the share of queries that
find nothing. Beside our engine stand two plain ones over the same documents: "plain" is
bleve as it comes, one match query over all texts with neither weights nor synonyms;
"plain titles" is BM25 over titles alone. gain is nDCG over that of "plain".

QUERIES has a line a query: id, text and, if wanted, language and kind, with tabs between.
JUDGEMENTS are TREC's: query, 0, document and grade, with spaces between; 0 is not relevant,
more is better. Both may be gzip; lines that begin with # are comments. Without files it is
a judged set that comes with the program (--judged): catalogue, in English, german or french.

Documents are the shipped catalogue, whose ids are the seller's keys of products (a SKU or a
barcode stands for its product), or those of --documents: CSV or NDJSON, plain or gzip, with
the columns id (or offer_id, or sku), title, brand, category and description; others are not
read.

--known-item makes queries and judgements of a file of offers: the name of each group in its
split "dev" is a query, the group's offers are the relevant documents, out of all the file's.

--typos measures a second time with that many typing errors in each query: a letter replaced,
inserted, deleted or swapped in a word of 5 letters or more. loss is what that costs, of the
queries that have such a word.`,
		Example: `  meridian search eval
  meridian search eval --typos 1 --per-query queries.tsv
  meridian search eval --judged german
  meridian search eval queries.tsv judgements.txt
  meridian search eval queries.tsv judgements.txt --documents products.csv.gz
  meridian search eval --known-item pricerunner_offers.csv.gz --typos 1`,
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args) },
	}
	f.register(command)
	return command
}

func (f *evalFlags) register(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.documents, "documents", "", "file of the documents that are searched; without it the shipped catalogue")
	flags.StringVar(&f.judged, "judged", eval.Catalogue, "judged set, where no files are given: "+strings.Join(eval.ShippedSets, ", "))
	flags.StringVar(&f.knownItem, "known-item", "", "file of offers that queries, judgements and documents are made of")
	flags.IntVar(&f.config.Typos, "typos", 0, "typing errors a query in a second measurement")
	flags.IntVar(&f.config.Sample, "sample", 0, "how many queries are drawn; 0 for all")
	flags.Uint64Var(&f.config.Seed, "seed", 1, "of what is drawn")
	flags.StringVar(&f.config.Language, "language", "en", "language of queries that name none")
	flags.StringVar(&f.perQuery, "per-query", "", "file for what came of each query, as tab-separated values")
	flags.StringVar(&f.meiliURL, "meilisearch-url", "",
		"server that is measured instead of the embedded engine; its indexes meridian_eval… are replaced [key: MERIDIAN_MEILI_API_KEY]")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object")
}

func (f *evalFlags) run(c *cobra.Command, args []string) (err error) {
	if err := f.read(args); err != nil {
		return usageError{err}
	}
	dir, err := os.MkdirTemp("", "meridian-eval-")
	if err != nil {
		return fmt.Errorf("make a folder for the indexes: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := f.open(c.Context(), dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	f.config.Store, f.config.Dir = store, filepath.Join(dir, "plain")
	progress := newEvalProgress(c.ErrOrStderr())
	f.config.Progress = progress.report
	report, err := eval.Run(c.Context(), f.config)
	progress.end()
	if err != nil {
		return stopped(c.Context(), err)
	}
	return f.write(c, report)
}

// read reads the files and returns what is wrong with them.
func (f *evalFlags) read(args []string) (err error) {
	switch {
	case f.config.Typos < 0 || f.config.Sample < 0:
		return errors.New("--typos and --sample: give 0 or more")
	case f.knownItem != "" && len(args) > 0:
		return errors.New("--known-item makes the queries itself: leave the files out")
	case len(args) != 0 && len(args) != 2:
		return fmt.Errorf("%d files: give one of queries and one of judgements, or none for the set that comes with the program", len(args))
	case f.knownItem != "":
		if f.documents == "" {
			f.documents = f.knownItem
		}
		f.config.Set, err = eval.ReadKnownItems(f.knownItem)
	case len(args) == 2:
		f.config.Set, err = eval.ReadSet(args[0], args[1])
	default:
		f.config.Set, err = eval.Shipped(f.judged)
	}
	if err != nil {
		return err
	}
	if f.documents != "" {
		f.config.Corpus, err = eval.ReadDocuments(f.documents)
		return err
	}
	f.config.Corpus, err = eval.ShippedDocuments()
	return err
}

// open opens the engine to measure.
func (f *evalFlags) open(ctx context.Context, dir string) (search.Store, error) {
	if f.meiliURL != "" {
		store, err := meilisearch.Open(ctx, meilisearch.Config{URL: f.meiliURL, APIKey: os.Getenv("MERIDIAN_MEILI_API_KEY"),
			Index: "meridian_eval"})
		if err != nil {
			return nil, usageError{fmt.Errorf("--meilisearch-url: %w", err)}
		}
		return store, nil
	}
	return bleve.Open(bleve.Config{Dir: filepath.Join(dir, "bleve")})
}

func (f *evalFlags) write(c *cobra.Command, report eval.Report) error {
	if f.perQuery != "" {
		file, err := os.Create(f.perQuery)
		if err != nil {
			return fmt.Errorf("--per-query: %w", err)
		}
		if err := errors.Join(eval.WriteQueries(file, report), file.Close()); err != nil {
			return fmt.Errorf("--per-query: %w", err)
		}
	}
	if f.asJSON {
		return labreport.WriteJSON(c.OutOrStdout(), report)
	}
	return eval.Write(c.OutOrStdout(), report)
}

// An evalProgress shows how far an evaluation is: a bar for each step on a terminal, else a line every few seconds.
type evalProgress struct {
	mu    sync.Mutex
	out   io.Writer
	drawn bool
	what  string
	bar   *progressbar.ProgressBar
	told  time.Time
}

func newEvalProgress(out io.Writer) *evalProgress {
	file, ok := out.(*os.File)
	return &evalProgress{out: out, drawn: ok && term.IsTerminal(int(file.Fd())), told: time.Now()}
}

func (p *evalProgress) report(what string, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.drawn {
		if time.Since(p.told) >= progressEvery {
			p.told = time.Now()
			fmt.Fprintf(p.out, "%s: %d of %d\n", what, done, total)
		}
		return
	}
	if p.what != what {
		p.clear()
		p.what, p.bar = what, progressbar.NewOptions(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(what),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
	}
	// A bar that cannot be drawn must not end the evaluation.
	_ = p.bar.Set(done)
}

func (p *evalProgress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *evalProgress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
