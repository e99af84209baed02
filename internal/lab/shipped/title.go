package main

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// titles turns names in capitals into titles. It is titles.csv: what a word is written as
// where that is not its first letter in upper case and the others in lower.
type titles struct {
	words map[string]string
	texts *strings.Replacer // pieces that are more than a word, replaced before all else
}

func readTitles() (titles, error) {
	rows, err := readTable("titles.csv")
	if err != nil {
		return titles{}, err
	}
	t := titles{words: map[string]string{}}
	var texts []string
	for _, row := range rows {
		if wordPattern.FindString(row["word"]) == row["word"] && !strings.Contains(row["word"], "'") {
			t.words[row["word"]] = row["title"]
		} else {
			texts = append(texts, row["word"], row["title"])
		}
	}
	t.texts = strings.NewReplacer(texts...)
	return t, nil
}

var (
	setOf      = regexp.MustCompile(`\b(S|SET|PACK|BOX)\s*/\s*(\d+)`)
	setOfWords = map[string]string{"S": "Set", "SET": "Set", "PACK": "Pack", "BOX": "Box"}
	withSlash  = regexp.MustCompile(`\bW/\s*`)
	stray      = regexp.MustCompile(`^[\s,&+/*.-]+|[\s,&+/.-]+$`)
	commaSpace = regexp.MustCompile(`\s*,\s*`)
	inches     = regexp.MustCompile(`(\d")(\pL)`)
	manySpaces = regexp.MustCompile(`\s+`)
)

// title writes a name as a title: "S/4 ICON COASTER,ELVIS LIVES" as
// "Set of 4 Icon Coaster, Elvis Lives".
func (t titles) title(name string) string {
	name = t.texts.Replace(name)
	name = setOf.ReplaceAllStringFunc(name, func(s string) string {
		part := setOf.FindStringSubmatch(s)
		return setOfWords[part[1]] + " of " + part[2] + " "
	})
	name = withSlash.ReplaceAllString(name, "W ")
	name = stray.ReplaceAllString(name, "")
	name = commaSpace.ReplaceAllString(name, ", ")
	name = inches.ReplaceAllString(name, "$1 $2")
	name = strings.ReplaceAll(name, "(", " (")
	name = wordPattern.ReplaceAllStringFunc(name, t.word)
	name = manySpaces.ReplaceAllString(name, " ")
	last := strings.LastIndexByte(name, ' ') + 1
	return upperFirst(name[:last] + upperFirst(name[last:]))
}

func (t titles) word(w string) string {
	upper := strings.ToUpper(w)
	if title, ok := t.words[upper]; ok {
		return title
	}
	switch {
	case unicode.IsDigit(rune(upper[0])):
		return strings.ToLower(upper) // 60CM, 70'S
	case strings.ContainsFunc(upper, unicode.IsDigit):
		return upper // A4
	}
	return upperFirst(strings.ToLower(upper))
}

// upperFirst puts the first letter into upper case, if it comes before any digit.
func upperFirst(s string) string {
	at := strings.IndexFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	if at < 0 {
		return s
	}
	first, size := utf8.DecodeRuneInString(s[at:])
	return s[:at] + string(unicode.ToUpper(first)) + s[at+size:]
}
