package search

import (
	"embed"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

// Words are the synonyms and stop words that an engine uses, by the base tag of their language ("en", "de"). They are
// in lower case.
type Words map[string]LanguageWords

// LanguageWords are the synonyms and stop words of one language.
type LanguageWords struct {
	// Synonyms are groups of words or word pairs, each of which also finds the others of its group.
	Synonyms [][]string `yaml:"synonyms"`
	// OneWay maps a word to more specific ones that it also finds, but not the reverse: a search for fruit finds
	// apples.
	OneWay map[string][]string `yaml:"one_way"`
	// Means maps a word to the words that say the same in titles of another language, mostly English. The words of languages
	// that join them, such as German, also are the parts of compounds: with kaffee and tasse, kaffeetasse is known.
	Means map[string][]string `yaml:"means"`
	// Stop are words that are dropped from a text, unless it has no others.
	Stop []string `yaml:"stop"`
}

//go:embed words/*.yaml
var wordFiles embed.FS

// ShippedWords returns the words that come with the program. Callers must not change them.
var ShippedWords = sync.OnceValue(func() Words {
	words, err := readWords()
	if err != nil {
		panic(err) // the files are embedded, and a test reads them
	}
	return words
})

func readWords() (Words, error) {
	files, err := wordFiles.ReadDir("words")
	if err != nil {
		return nil, fmt.Errorf("read the shipped words: %w", err)
	}
	words := make(Words, len(files))
	for _, file := range files {
		text, err := wordFiles.ReadFile(path.Join("words", file.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the shipped words: %w", err)
		}
		var language LanguageWords
		if err := yaml.UnmarshalWithOptions(text, &language, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("read the words of %s: %w", file.Name(), err)
		}
		words[strings.TrimSuffix(file.Name(), ".yaml")] = language
	}
	return words, nil
}
