package catalog

import (
	"errors"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"meridian/internal/invalid"
)

// A fileRecord is a product of a file, or what is wrong with it.
type fileRecord struct {
	// first and last are its lines.
	first, last int64
	// end is the offset in the file after it.
	end int64
	in  ProductInput
	// skuLines are the lines of its SKUs.
	skuLines []int64
	// faults are empty for a good record.
	faults []BadLine
}

// A recordReader reads a file's products one by one and returns io.EOF after the last.
type recordReader interface {
	next() (fileRecord, error)
	// fieldName is the file's own name for a field of a product, such as "skus[0].prices.EUR".
	fieldName(field string) string
}

func (r *fileRecord) fault(line int64, field, reason string) {
	r.faults = append(r.faults, BadLine{Line: line, Field: clip(field, 200), Reason: clip(reason, 500)})
}

// clip bounds a text that goes into a report.
func clip(text string, most int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "�"), "�")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// check adds what Validate finds, at the line where each fault is.
func (r *fileRecord) check(file recordReader) {
	if len(r.faults) > 0 {
		return
	}
	if r.in.Key == "" {
		r.fault(r.first, "key", "must be given")
	}
	var invalid *invalid.Error
	if errors.As(r.in.Validate(), &invalid) {
		for _, f := range invalid.Fields {
			r.fault(r.lineOf(f.Name), file.fieldName(f.Name), f.Remedy)
		}
	}
}

// lineOf returns the line of a field.
func (r *fileRecord) lineOf(field string) int64 {
	if i, ok := skuIndex(field); ok && i < len(r.skuLines) {
		return r.skuLines[i]
	}
	return r.first
}

// skuIndex returns the n of a field "skus[n].…".
func skuIndex(field string) (n int, ok bool) {
	rest, ok := strings.CutPrefix(field, "skus[")
	if !ok {
		return 0, false
	}
	digits, _, _ := strings.Cut(rest, "]")
	n, err := strconv.Atoi(digits)
	return n, err == nil
}

// badLines returns how many lines have a fault.
func (r *fileRecord) badLines() int64 {
	var lines []int64
	for _, f := range r.faults {
		lines = append(lines, f.Line)
	}
	slices.Sort(lines)
	return int64(len(slices.Compact(lines)))
}

// maxRemembered is how many keys and SKUs are remembered: some 50 MB.
const maxRemembered = 1_000_000

// duplicates remembers the keys and SKUs of a file by two hashes each.
type duplicates struct {
	seeds [2]maphash.Seed
	lines map[[2]uint64]int64
}

func newDuplicates() *duplicates {
	return &duplicates{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, lines: make(map[[2]uint64]int64)}
}

// check adds a fault for a key or SKU that an earlier record has, and remembers the others.
func (d *duplicates) check(r *fileRecord) {
	if r.in.Key != "" {
		if line, twice := d.remember("key "+r.in.Key, r.first); twice {
			r.fault(r.first, "key", "is also on line "+strconv.FormatInt(line, 10)+": give each product once, CSV rows of one product together")
		}
	}
	for i, sku := range r.in.SKUs {
		field := "skus[" + strconv.Itoa(i) + "]"
		line := r.lineOf(field)
		if first, twice := d.remember("sku "+sku.Code, line); twice && first != line {
			r.fault(line, field+".sku", "is also on line "+strconv.FormatInt(first, 10)+": give each SKU once")
		}
	}
}

func (d *duplicates) remember(text string, line int64) (first int64, twice bool) {
	hash := [2]uint64{maphash.String(d.seeds[0], text), maphash.String(d.seeds[1], text)}
	if first, twice = d.lines[hash]; twice {
		return first, true
	}
	if len(d.lines) < maxRemembered {
		d.lines[hash] = line
	}
	return line, false
}
