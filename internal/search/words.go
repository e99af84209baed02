package search

import (
	"embed"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

// Words are what an engine is told of languages, by the base tag of each ("en", "de"). All of it is in lower case.
type Words map[string]LanguageWords

// LanguageWords are the words of one language that mean the same, and those that mean nothing.
type LanguageWords struct {
	// Synonyms are groups of words or pairs of words, each of which also finds the others of its group.
	Synonyms [][]string `yaml:"synonyms"`
	// OneWay finds more for a word than was typed, but not the other way round: who looks for fruit finds apples.
	OneWay map[string][]string `yaml:"one_way"`
	// Stop are words that a text is searched without, unless it has no others.
	Stop []string `yaml:"stop"`
}

//go:embed words/*.yaml
var wordFiles embed.FS

// ShippedWords are the words that come with the program. Callers must not change them.
var ShippedWords = sync.OnceValue(func() Words {
	words, err := readWords()
	if err != nil {
		panic(err) // the files are part of the program and under test
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
