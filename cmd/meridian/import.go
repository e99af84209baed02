package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/invalid"
)

func newImportCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "import",
		Short: "Import products and categories from files",
	}
	command.AddCommand(newImportProductsCommand(), newImportCategoriesCommand())
	return command
}

// importFlags are the flags of both imports.
type importFlags struct{ databaseFlags }

func (f *importFlags) register(c *cobra.Command) {
	f.databaseFlags.register(c)
	c.Flags().StringVar(&f.region, "region", environment("MERIDIAN_REGION", ""),
		"region where the import is kept; the primary one unless given [MERIDIAN_REGION]")
}

// withCatalog runs do on the shop's catalogue.
func (f *importFlags) withCatalog(c *cobra.Command, do func(*catalog.Catalog) error) error {
	db, set, err := f.open(c, database.Config{MaxConns: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	shelves, err := catalog.New(catalog.Config{DB: db, Regions: set})
	if err != nil {
		return err
	}
	return do(shelves)
}

func newImportProductsCommand() *cobra.Command {
	var flags importFlags
	var seller, policy, format, errorsFile string
	command := &cobra.Command{
		Use:   "products FILE",
		Short: "Import a seller's products; the same file again goes on where it stopped",
		Long: `Adds and changes a seller's products by their key. Products that are as the file says
already are not touched. When an import is cut off, run it again with the same file: it goes
on where it stopped. Lines are at most 1 MiB; the file may have any size.

NDJSON has one product a line, prices in minor units (295 GBP is £2.95). Only key, title,
category and skus must be there; status is active unless it is said otherwise:

  {"key":"MUG-1","title":"Mug","description":"","brand":"","category":"hg-3",
   "tax_category":"standard","status":"active","attributes":{"material":"china"},
   "images":["https://example.com/mug.jpg"],"skus":[{"sku":"MUG-1-RED","barcode":"",
   "options":{"colour":"red"},"weight_grams":310,"prices":{"GBP":295}}]}

CSV has a header row and one SKU a row, prices in minor units too. Rows with the same key
that follow each other are one product; from its second row on the product's own columns may be
empty. Images are separated by semicolons. The columns, in any order (key,
title, category and sku must be there):

  key,title,description,brand,category,tax_category,status,images,sku,barcode,weight_grams,
  price_minor:GBP,option:colour,attribute:material

Bad lines are named with field and reason. Under keep_good the others are applied, and the exit
code is 3. Under all_or_nothing nothing is applied when there are any, and the exit code is 1;
such files have at most 100,000 lines.`,
		Example: `  meridian import products mugs.csv --seller acme
  meridian import products mugs.ndjson --seller acme --policy all_or_nothing --errors bad.csv`,
		Args: oneArg,
		RunE: func(c *cobra.Command, args []string) error {
			in, err := newProductImport(args[0], format, policy)
			if err != nil {
				return err
			}
			defer in.file.Close()
			return flags.withCatalog(c, func(shelves *catalog.Catalog) error { return in.run(c, shelves, seller, errorsFile) })
		},
	}
	flags.register(command)
	command.Flags().StringVar(&seller, "seller", "", "slug of the seller whose products they are")
	command.Flags().StringVar(&policy, "policy", string(catalog.KeepGood),
		"keep_good applies the good lines, all_or_nothing all of them or none")
	command.Flags().StringVar(&format, "format", "auto", "csv, ndjson, or auto: by the file's name")
	command.Flags().StringVar(&errorsFile, "errors", "", "file for the bad lines, as CSV; without it the first are written to standard error")
	// The flag is the command's own: it exists.
	_ = command.MarkFlagRequired("seller")
	return command
}

// A productImport is a file of products to import.
type productImport struct {
	file *os.File
	catalog.ImportInput
}

// newProductImport opens the file and checks the flags. The caller closes the file.
func newProductImport(path, format, policy string) (*productImport, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, usageError{err}
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file that can be read twice: copy it to one", path)
	}
	in := &productImport{file: file, ImportInput: catalog.ImportInput{
		Source: file, Format: catalog.Format(format), Policy: catalog.Policy(policy),
	}}
	if format == "auto" {
		var known bool
		if in.Format, known = catalog.FormatOf(path); !known && err == nil {
			err = fmt.Errorf("the name of %s does not tell its format: give --format csv or --format ndjson", path)
		}
	}
	if err == nil {
		in.Size = info.Size()
		err = in.Validate()
	}
	if err != nil {
		return nil, usageError{errors.Join(err, file.Close())}
	}
	return in, nil
}

// run imports the file for the seller of that slug, and writes what came of it.
func (in *productImport) run(c *cobra.Command, shelves *catalog.Catalog, slug, errorsFile string) error {
	seller, err := shelves.FindSeller(c.Context(), slug)
	if errors.Is(err, catalog.ErrNotFound) {
		return usageError{fmt.Errorf("there is no seller %q: give the slug of one; an admin makes one by POST /v1/admin/sellers", slug)}
	}
	if err != nil {
		return err
	}
	in.Seller = seller.ID
	progress := newProgress(c.ErrOrStderr(), progressbar.OptionShowBytes(true), progressbar.OptionSetPredictTime(true))
	in.Progress = func(lines, bytes, total int64) {
		progress.report(bytes, total, fmt.Sprintf("%d lines, %d of %d bytes", lines, bytes, total))
	}
	report, err := shelves.Import(c.Context(), in.ImportInput)
	progress.end()
	var invalid *invalid.Error
	var tooLong *catalog.TooManyLinesError
	if errors.As(err, &invalid) || errors.As(err, &tooLong) {
		return usageError{err}
	}
	if err != nil {
		return fmt.Errorf("%w\nwhat was applied stays: run it again with the same file to go on", err)
	}
	if err := in.writeBadLines(c, shelves, report, errorsFile); err != nil {
		return err
	}
	return writeImportReport(c.OutOrStdout(), report)
}

// writeImportReport writes the counts of an import. It returns an error when lines are bad.
func writeImportReport(out io.Writer, report catalog.ImportReport) error {
	resumed := ""
	if report.Resumed {
		resumed = " (gone on with after an earlier run was cut off)"
	}
	fmt.Fprintf(out, "%d lines: %d products written, %d unchanged, %d bad lines%s\n",
		report.LinesDone, report.ProductsWritten, report.ProductsUnchanged, report.LinesBad, resumed)
	if report.Status == catalog.ImportFailed {
		return fmt.Errorf("nothing was imported: %d lines are bad", report.LinesBad)
	}
	if report.LinesBad > 0 {
		return partlyError{fmt.Errorf("%d bad lines were left out, the others are imported", report.LinesBad)}
	}
	return nil
}

// writeBadLines writes all bad lines to the file at path, or the first of them to standard error if path is empty.
func (in *productImport) writeBadLines(c *cobra.Command, shelves *catalog.Catalog, report catalog.ImportReport, path string) error {
	if path == "" {
		for _, e := range report.Errors {
			fmt.Fprintf(c.ErrOrStderr(), "line %d: %s %s\n", e.Line, e.Field, e.Reason)
		}
		if report.LinesBad > int64(len(report.Errors)) {
			fmt.Fprintln(c.ErrOrStderr(), "and more: --errors FILE writes them to a file")
		}
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the bad lines: %w", err)
	}
	if err := writeErrors(c, file, shelves, report); err != nil {
		return errors.Join(fmt.Errorf("write the bad lines: %w", err), file.Close())
	}
	return file.Close()
}

// writeErrors writes the bad lines of an import as CSV.
func writeErrors(c *cobra.Command, file io.Writer, shelves *catalog.Catalog, report catalog.ImportReport) error {
	filter := catalog.ImportErrorFilter{
		Seller: report.Seller, Import: report.Ref, PageFilter: database.PageFilter[catalog.LinePosition]{Limit: 1000},
	}
	w := csv.NewWriter(file)
	// csv.Writer keeps its first error until Error is asked.
	_ = w.Write([]string{"line", "field", "reason"})
	for {
		page, err := shelves.ListImportErrors(c.Context(), filter)
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			_ = w.Write([]string{strconv.FormatInt(e.Line, 10), e.Field, e.Reason})
		}
		if filter.After = page.Next; page.Next == nil {
			w.Flush()
			return w.Error()
		}
	}
}

func newImportCategoriesCommand() *cobra.Command {
	var flags importFlags
	command := &cobra.Command{
		Use:   "categories FILE",
		Short: "Add and change categories, all of a file's or none",
		Long: `Adds and changes the categories of a CSV file, all of them or none. Its header names the
columns: code, parent (empty for a root) and name. Parents may stand after their children.
Other columns are left alone. Categories that the file does not name stay as they are.`,
		Example: `  meridian import categories categories.csv`,
		Args:    oneArg,
		RunE: func(c *cobra.Command, args []string) error {
			categories, err := readCategories(args[0])
			if err != nil {
				return usageError{err}
			}
			return flags.withCatalog(c, func(shelves *catalog.Catalog) error {
				changed, err := shelves.UpsertCategories(c.Context(), categories)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "%d categories: %d added or changed\n", len(categories), changed)
				return err
			})
		},
	}
	flags.register(command)
	return command
}

// maxCategoryLines bounds the lines of a file of categories.
const maxCategoryLines = 50_000

// readCategories reads a CSV file of categories.
func readCategories(path string) ([]catalog.CategoryInput, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader := csv.NewReader(bufio.NewReader(file))
	header, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header of %s: %w", path, err)
	}
	column := make(map[string]int, len(header))
	for i, name := range header {
		column[strings.TrimPrefix(name, "\ufeff")] = i
	}
	for _, name := range []string{"code", "parent", "name"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("%s has no column %s: its header must name code, parent and name", path, name)
		}
	}
	var categories []catalog.CategoryInput
	for {
		row, err := reader.Read()
		switch {
		case errors.Is(err, io.EOF):
			return categories, nil
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", path, err)
		case len(categories) == maxCategoryLines:
			return nil, fmt.Errorf("%s has more than %d categories: split it", path, maxCategoryLines)
		}
		categories = append(categories, catalog.CategoryInput{
			ID: row[column["code"]], ParentID: row[column["parent"]], Name: row[column["name"]],
		})
	}
}
