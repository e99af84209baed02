package meilisearch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
	"meridian/internal/search/concept"
	"meridian/internal/search/language"
)

// maxValuesPerFacet is the number of values counted per field. All attributes are one field, of which
// search.MaxFacetAttributes times search.MaxFacetValues are shown.
const maxValuesPerFacet = 2 * search.MaxFacetAttributes * search.MaxFacetValues

// settingsOf returns the settings of an index. Every field of every part is set, since a part is sent whole.
func settingsOf(words search.Words, known language.Dictionaries) *meili.Settings {
	prefixes := "indexingTime"
	return &meili.Settings{
		// A requested order precedes relevance, popularity follows it, and the id makes the order total. Of two products that
		// have the words beside each other in their titles, the one with the shorter title is more likely meant: a frog candle
		// is a candle, a candle plate with white lace is none.
		RankingRules: []string{"sort", "words", "proximity", "attributeRank", "titleLength:asc", "exactness", "popularity:desc",
			"id:asc"},
		SearchableAttributes: termFields,
		DisplayedAttributes:  []string{"*"},
		FilterableAttributes: []string{
			"id", fieldBrand, fieldCategory, fieldAttributes, fieldAttributeNames, fieldPrice, "prices", "ratingMilli", "stock", "goodUntil",
			"writtenAt", fieldClaims,
		},
		SortableAttributes: []string{"id", "prices", "listedAt", "ratingMilli", "popularity", "goodUntil", "writtenAt"},
		Synonyms:           synonyms(words, known),
		TypoTolerance:      &meili.TypoTolerance{Enabled: false}, // package concept corrects typing errors
		Pagination:         &meili.Pagination{MaxTotalHits: search.MaxWindow},
		Faceting: &meili.Faceting{
			MaxValuesPerFacet: maxValuesPerFacet, SortFacetValuesBy: map[string]meili.SortFacetType{"*": meili.SortFacetTypeCount},
		},
		ProximityPrecision: meili.ByWord,
		PrefixSearch:       &prefixes,
		SearchCutoffMs:     700, // shorter than any search timeout: hits ranked by then are returned
	}
}

// settingsFingerprint returns a hash of the settings.
func settingsFingerprint(settings *meili.Settings) string {
	content, err := json.Marshal(settings) // maps by sorted keys
	if err != nil {
		panic(err) // every field has a JSON form
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}

// applySettings applies the settings to an index, and returns once all of its documents are reindexed.
func (s *server) applySettings(ctx context.Context, uid string, settings *meili.Settings) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	index := s.Index(uid)
	calls := []write{
		// meili.Settings can neither send false nor clear a list. Without facet search, which nobody uses, indexing is faster.
		func(ctx context.Context) (*meili.TaskInfo, error) {
			return index.UpdateFacetSearchWithContext(ctx, false)
		},
		index.ResetStopWordsWithContext,
		func(ctx context.Context) (*meili.TaskInfo, error) {
			return index.UpdateSettingsWithContext(ctx, settings)
		},
	}
	if len(settings.Synonyms) == 0 {
		calls = append(calls, index.ResetSynonymsWithContext)
	}
	const what = "apply the settings"
	var tasks []int64
	for _, call := range calls {
		task, err := s.enqueue(ctx, writeTries, what, call)
		if err != nil {
			return err
		}
		tasks = append(tasks, task)
	}
	return s.wait(ctx, what, tasks...)
}

// synonyms returns the synonyms of all languages in Meilisearch's form, one direction per entry, as stems. Words of other
// languages than English are under a name of their own, which newTyped puts in their place: gift means a poison to German
// shoppers only.
func synonyms(words search.Words, known language.Dictionaries) map[string][]string {
	all := make(map[string][]string)
	for name, of := range words {
		add := func(from string, to []string) {
			key := known[name].Key(from)
			if name != english {
				key = foreign(name, key)
			}
			for _, word := range to {
				all[key] = append(all[key], sentWords(concept.Text{Tokens: language.Tokenize(word)}.Stems()))
			}
		}
		for _, group := range of.Synonyms {
			for _, word := range group {
				add(word, group)
			}
		}
		for from, to := range of.OneWay {
			add(from, to)
		}
		for from, to := range of.Means {
			add(from, append(slices.Clone(to), from))
		}
	}
	for from, to := range all {
		slices.Sort(to)
		all[from] = slices.DeleteFunc(slices.Compact(to), func(word string) bool { return word == from })
		if len(all[from]) == 0 {
			delete(all, from)
		}
	}
	return all
}

// english is the language whose words are sent as they are, and not as a word that stands for them.
const english = "en"

// foreign returns the word that stands for words of another language than English.
func foreign(name, key string) string { return "x" + name + strings.ReplaceAll(key, " ", "") }
