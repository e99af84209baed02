package eval

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"meridian/internal/search"
)

// A Query is what somebody looks for.
type Query struct {
	ID, Text string
	// Language is the base tag of the shopper's, such as "de"; Kind is what sort of query it is, such as "plural". Either
	// may be empty.
	Language, Kind string
}

// Judgements holds grades by the query's id and the document's name: 0 not relevant, higher is better.
type Judgements map[string]map[string]int

// maxGrade keeps gains, which double with each grade, far from the end of what numbers hold.
const maxGrade = 20

// A Set is queries with their judgements.
type Set struct {
	Queries    []Query
	Judgements Judgements
}

//go:embed judged/*_queries.tsv judged/*_judgements.txt
var judged embed.FS

// The judged sets over the shipped catalogue that come with the program: of shoppers who speak English, German and French.
const (
	Catalogue = "catalogue"
	German    = "german"
	French    = "french"
)

// ShippedSets lists them.
var ShippedSets = []string{Catalogue, German, French}

// Shipped returns one of ShippedSets.
func Shipped(name string) (Set, error) {
	if !slices.Contains(ShippedSets, name) {
		return Set{}, fmt.Errorf("judged set %q: use one of %s", name, strings.Join(ShippedSets, ", "))
	}
	queries, err := judged.Open("judged/" + name + "_queries.tsv")
	if err != nil {
		return Set{}, err
	}
	defer queries.Close()
	judgements, err := judged.Open("judged/" + name + "_judgements.txt")
	if err != nil {
		return Set{}, err
	}
	defer judgements.Close()
	return parseSet(queries, judgements)
}

// ReadSet reads a file of queries and one of judgements, compressed or not.
func ReadSet(queriesPath, judgementsPath string) (Set, error) {
	queries, closer, err := open(queriesPath)
	if err != nil {
		return Set{}, err
	}
	defer closer.Close()
	judgements, closer, err := open(judgementsPath)
	if err != nil {
		return Set{}, err
	}
	defer closer.Close()
	return parseSet(queries, judgements)
}

func parseSet(queries, judgements io.Reader) (s Set, err error) {
	if s.Queries, err = parseQueries(queries); err != nil {
		return s, fmt.Errorf("queries: %w", err)
	}
	if s.Judgements, err = parseJudgements(judgements); err != nil {
		return s, fmt.Errorf("judgements: %w", err)
	}
	if !slices.ContainsFunc(s.Queries, func(q Query) bool { return s.relevant(q.ID) > 0 }) {
		return s, errors.New("no query has a relevant document: " +
			"the ids of the queries must be those of the judgements, whose grades are 1 and more")
	}
	return s, nil
}

func parseQueries(source io.Reader) ([]Query, error) {
	var queries []Query
	seen := make(map[string]bool)
	err := eachLine(source, func(line []byte) error {
		fields := strings.Split(string(line), "\t")
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		if len(fields) < 2 || len(fields) > 4 || fields[0] == "" || fields[1] == "" {
			return errors.New("a query is its id, a tab and its text, with tabs before language and kind if it has them")
		}
		fields = append(fields, "", "")
		q := Query{ID: fields[0], Text: fields[1], Language: fields[2], Kind: fields[3]}
		switch {
		case seen[q.ID]:
			return fmt.Errorf("query %s is there twice: give each an id of its own", q.ID)
		case len(q.Text) > search.MaxTextBytes || !utf8.ValidString(q.Text):
			return fmt.Errorf("query %s: its text must be UTF-8 of at most %d bytes", q.ID, search.MaxTextBytes)
		}
		seen[q.ID] = true
		queries = append(queries, q)
		return nil
	})
	if err == nil && len(queries) == 0 {
		err = errors.New("there are none")
	}
	return queries, err
}

func parseJudgements(source io.Reader) (Judgements, error) {
	judgements := make(Judgements)
	err := eachLine(source, func(line []byte) error {
		fields := strings.Fields(string(line))
		if len(fields) != 4 {
			return fmt.Errorf("%d fields: a judgement is the query's id, 0, the document's and its grade", len(fields))
		}
		grade, err := strconv.Atoi(fields[3])
		if err != nil || grade > maxGrade {
			return fmt.Errorf("grade %q: give a whole number of at most %d; 0 is not relevant", fields[3], maxGrade)
		}
		return judgements.add(fields[0], fields[2], grade)
	})
	return judgements, err
}

// add adds a grade; grades below 0, which some collections give to spam, count as 0.
func (j Judgements) add(query, document string, grade int) error {
	if j[query] == nil {
		j[query] = make(map[string]int)
	}
	if _, twice := j[query][document]; twice {
		return fmt.Errorf("document %s of query %s is judged twice: keep one", document, query)
	}
	j[query][document] = max(0, grade)
	return nil
}

// relevant returns how many documents answer a query.
func (s Set) relevant(query string) int {
	n := 0
	for _, grade := range s.Judgements[query] {
		n += min(1, grade)
	}
	return n
}
