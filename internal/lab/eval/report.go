package eval

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"meridian/internal/lab/report"
)

// A Report holds what was measured.
type Report struct {
	Engine    string `json:"engine"`
	Documents int    `json:"documents"`
	Queries   int    `json:"queries"`
	// UnknownDocuments counts judged documents that were not among those searched.
	UnknownDocuments int    `json:"unknown_documents"`
	Seed             uint64 `json:"seed"`
	// Rows holds the systems, the plain ones first, each as it is and with typing errors.
	Rows []Row `json:"rows"`
	// Kinds holds the figures by kind of query, if they have kinds, without typing errors.
	Kinds []Kind `json:"kinds,omitzero"`

	outcomes []Outcome
}

// A Row holds one system's figures.
type Row struct {
	System string `json:"system"`
	// Typos is the number of typing errors in each query.
	Typos int `json:"typos"`
	// Queries counts those that were asked; with typing errors, those that have a word for one.
	Queries int `json:"queries"`
	Figures
	// Gain is the relative increase of nDCG over the plain system; nil for itself.
	Gain *float64 `json:"gain,omitzero"`
	// Loss is the relative decrease of nDCG by typing errors, over the same queries; nil without errors.
	Loss *float64 `json:"loss,omitzero"`
}

// A Kind holds the nDCG of a kind of queries by system.
type Kind struct {
	Kind    string             `json:"kind"`
	Queries int                `json:"queries"`
	NDCG    map[string]float64 `json:"ndcg_at_10"`
}

// An Outcome holds the result of one query.
type Outcome struct {
	System string
	// Typos is the number of typing errors in the query's text.
	Typos int
	Query Query
	// Relevant counts the documents that are, Found those answered, Judged those of them with a grade; of the
	// first ten only.
	Relevant, Found, Judged int
	// Loosened reports whether the query found nothing as it was first asked.
	Loosened                     bool
	NDCG, ReciprocalRank, Recall float64

	first []string
}

func (r *Report) add(system string, typos int, outcomes []Outcome) {
	for _, o := range outcomes {
		o.Typos = typos
		r.outcomes = append(r.outcomes, o)
	}
	r.Rows = append(r.Rows, Row{System: system, Typos: typos, Queries: len(outcomes), Figures: figuresOf(outcomes)})
	if typos == 0 {
		r.addKinds(system, outcomes)
	}
}

func (r *Report) addTypos(system string, typos int, with, without []Outcome) {
	r.add(system, typos, with)
	if before := figuresOf(without).NDCG; before > 0 {
		last := &r.Rows[len(r.Rows)-1]
		loss := 1 - last.NDCG/before
		last.Loss = &loss
	}
}

func (r *Report) addKinds(system string, outcomes []Outcome) {
	byKind := make(map[string][]Outcome)
	for _, o := range outcomes {
		if o.Query.Kind != "" {
			byKind[o.Query.Kind] = append(byKind[o.Query.Kind], o)
		}
	}
	for kind, of := range byKind {
		i := slices.IndexFunc(r.Kinds, func(k Kind) bool { return k.Kind == kind })
		if i < 0 {
			i = len(r.Kinds)
			r.Kinds = append(r.Kinds, Kind{Kind: kind, Queries: len(of), NDCG: make(map[string]float64)})
		}
		r.Kinds[i].NDCG[system] = figuresOf(of).NDCG
	}
	slices.SortFunc(r.Kinds, func(a, b Kind) int { return strings.Compare(a.Kind, b.Kind) })
}

// compare computes the gains among rows with the same number of typing errors.
func (r *Report) compare() {
	for i := range r.Rows {
		row := &r.Rows[i]
		plain := slices.IndexFunc(r.Rows, func(o Row) bool { return o.System == plainSystems[0].name && o.Typos == row.Typos })
		if plain >= 0 && plain != i && r.Rows[plain].NDCG > 0 {
			gain := row.NDCG/r.Rows[plain].NDCG - 1
			row.Gain = &gain
		}
	}
}

// Write writes the report for people and returns the errors of w.
func Write(w io.Writer, r Report) error {
	fmt.Fprintf(w, "%d documents, %d queries\n", r.Documents, r.Queries)
	if r.UnknownDocuments > 0 {
		fmt.Fprintf(w, "%d judged documents are not among those that were searched; they count as missed\n", r.UnknownDocuments)
	}
	table := report.NewFigures(w, "\n  system", "typos", "queries", "nDCG@10", "gain", "loss", "MRR", "recall@10", "loosened",
		"no result", "judged")
	for _, row := range r.Rows {
		table.Rowf("  %s\t%d\t%d\t%.4f\t%s\t%s\t%.4f\t%.4f\t%.1f%%\t%.1f%%\t%.0f%%\t", row.System, row.Typos, row.Queries,
			row.NDCG, signed(row.Gain), signed(row.Loss), row.MRR, row.Recall, row.Loosened*100, row.Zero*100, row.Judged*100)
	}
	if err := table.Flush(); err != nil || len(r.Kinds) == 0 {
		return err
	}
	return writeKinds(w, r)
}

func writeKinds(w io.Writer, r Report) error {
	header := []any{"\n  nDCG@10 by kind", "queries"}
	var systems []string
	for _, row := range r.Rows {
		if row.Typos == 0 {
			systems, header = append(systems, row.System), append(header, row.System)
		}
	}
	table := report.NewFigures(w, header...)
	for _, k := range r.Kinds {
		row := []any{"  " + k.Kind, k.Queries}
		for _, s := range systems {
			row = append(row, fmt.Sprintf("%.3f", k.NDCG[s]))
		}
		table.Row(row...)
	}
	return table.Flush()
}

// signed formats a share as a signed percentage; nil is a dash.
func signed(part *float64) string {
	if part == nil {
		return "–"
	}
	return fmt.Sprintf("%+.1f%%", *part*100)
}

// WriteQueries writes the outcome of each query of each system as tab-separated values, with the titles found. It
// returns the errors of w.
func WriteQueries(w io.Writer, r Report) error {
	if _, err := fmt.Fprintln(w, "system\ttypos\tquery\ttext\tkind\trelevant\tfound"+
		"\tjudged\tndcg\treciprocal_rank\trecall\tfirst"); err != nil {
		return err
	}
	for _, o := range r.outcomes {
		_, err := fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%d\t%d\t%d\t%.4f\t%.4f\t%.4f\t%s\n", o.System, o.Typos, o.Query.ID,
			o.Query.Text, o.Query.Kind,
			o.Relevant, o.Found, o.Judged, o.NDCG, o.ReciprocalRank, o.Recall, strings.ReplaceAll(strings.Join(o.first, " | "), "\t", " "))
		if err != nil {
			return err
		}
	}
	return nil
}
