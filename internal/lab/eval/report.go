package eval

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A Report is what was measured.
type Report struct {
	Engine    string `json:"engine"`
	Documents int    `json:"documents"`
	Queries   int    `json:"queries"`
	// UnknownDocuments are judged but not among those that were searched.
	UnknownDocuments int    `json:"unknown_documents"`
	Seed             uint64 `json:"seed"`
	// Rows are the systems, the plain ones first, each as it is and with typing errors.
	Rows []Row `json:"rows"`
	// Kinds are the figures by the kind of the queries, where they have any, without typing errors.
	Kinds []Kind `json:"kinds,omitzero"`

	outcomes []Outcome
}

// A Row is one system's figures.
type Row struct {
	System string `json:"system"`
	// Typos is how many typing errors each query has.
	Typos int `json:"typos"`
	// Queries are those that were asked: with typing errors, those that have a word for one.
	Queries int `json:"queries"`
	Figures
	// Gain is by how much nDCG is above that of the plain system, in parts of that; nil for itself.
	Gain *float64 `json:"gain,omitzero"`
	// Loss is by how much nDCG is below that of the same queries without typing errors, in parts of that; nil without.
	Loss *float64 `json:"loss,omitzero"`
}

// A Kind is the nDCG of a kind of queries by system.
type Kind struct {
	Kind    string             `json:"kind"`
	Queries int                `json:"queries"`
	NDCG    map[string]float64 `json:"ndcg_at_10"`
}

// An Outcome is what came of one query.
type Outcome struct {
	System string
	// Typos is how many typing errors the query's text has.
	Typos int
	Query Query
	// Relevant documents exist; Found were answered, of which Judged have a grade. Of all, only the first ten.
	Relevant, Found, Judged int
	// Loosened is whether nothing was found as it was asked first.
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

// compare works the gains out, of rows with the same number of typing errors.
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

// WriteJSON writes the report as one JSON object.
func WriteJSON(w io.Writer, r Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Write writes the report for people. Its errors are those of w.
func Write(w io.Writer, r Report) error {
	fmt.Fprintf(w, "%d documents, %d queries\n", r.Documents, r.Queries)
	if r.UnknownDocuments > 0 {
		fmt.Fprintf(w, "%d judged documents are not among those that were searched; they count as missed\n", r.UnknownDocuments)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\n  system\ttypos\tqueries\tnDCG@10\tgain\tloss\tMRR\trecall@10\tloosened\tno result\tjudged\t")
	for _, row := range r.Rows {
		fmt.Fprintf(table, "  %s\t%d\t%d\t%.4f\t%s\t%s\t%.4f\t%.4f\t%.1f%%\t%.1f%%\t%.0f%%\t\n", row.System, row.Typos, row.Queries,
			row.NDCG, signed(row.Gain), signed(row.Loss), row.MRR, row.Recall, row.Loosened*100, row.Zero*100, row.Judged*100)
	}
	if err := table.Flush(); err != nil || len(r.Kinds) == 0 {
		return err
	}
	return writeKinds(w, r)
}

func writeKinds(w io.Writer, r Report) error {
	var systems []string
	for _, row := range r.Rows {
		if row.Typos == 0 {
			systems = append(systems, row.System)
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\n  nDCG@10 by kind\tqueries\t%s\t\n", strings.Join(systems, "\t"))
	for _, k := range r.Kinds {
		fmt.Fprintf(table, "  %s\t%d\t", k.Kind, k.Queries)
		for _, s := range systems {
			fmt.Fprintf(table, "%.3f\t", k.NDCG[s])
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// signed is a part of one in percent; a dash where there is none.
func signed(part *float64) string {
	if part == nil {
		return "–"
	}
	return fmt.Sprintf("%+.1f%%", *part*100)
}

// WriteQueries writes what came of each query of each system as tab-separated values, with the titles that it found.
// Its errors are those of w.
func WriteQueries(w io.Writer, r Report) error {
	if _, err := fmt.Fprintln(w, "system\ttypos\tquery\ttext\tkind\trelevant\tfound\tjudged\tndcg\treciprocal_rank\trecall\tfirst"); err != nil {
		return err
	}
	for _, o := range r.outcomes {
		_, err := fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%d\t%d\t%d\t%.4f\t%.4f\t%.4f\t%s\n", o.System, o.Typos, o.Query.ID, o.Query.Text, o.Query.Kind,
			o.Relevant, o.Found, o.Judged, o.NDCG, o.ReciprocalRank, o.Recall, strings.ReplaceAll(strings.Join(o.first, " | "), "\t", " "))
		if err != nil {
			return err
		}
	}
	return nil
}
