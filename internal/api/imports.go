package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/regions"
)

// importTimeout is how long the upload and import of one file may take.
const importTimeout = 30 * time.Minute

// uploadWait is when to try again where too many files are being imported.
const uploadWait = 30 * time.Second

// importResponse is how far an import is.
type importResponse struct {
	ID                string     `json:"id"`
	Format            string     `json:"format"`
	Policy            string     `json:"policy"`
	Status            string     `json:"status"`
	LinesDone         int64      `json:"lines_done"`
	LinesBad          int64      `json:"lines_bad"`
	ProductsWritten   int64      `json:"products_written"`
	ProductsUnchanged int64      `json:"products_unchanged"`
	CreatedAt         time.Time  `json:"created_at"`
	UpdatedAt         time.Time  `json:"updated_at"`
	FinishedAt        *time.Time `json:"finished_at,omitzero"`
}

func (s *Server) newImportResponse(i catalog.ImportRecord) importResponse {
	return importResponse{
		ID: s.Regions.FormatID(regions.ImportPrefix, i.Ref), Format: string(i.Format), Policy: string(i.Policy),
		Status: string(i.Status), LinesDone: i.LinesDone, LinesBad: i.LinesBad, ProductsWritten: i.ProductsWritten,
		ProductsUnchanged: i.ProductsUnchanged, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt, FinishedAt: i.FinishedAt,
	}
}

// importReportResponse is the outcome of an import.
type importReportResponse struct {
	importResponse
	// Resumed says that an earlier upload of the same file had been cut off and was gone on with.
	Resumed bool `json:"resumed"`
	// PricesPending is how many prices wait until somebody of finance approves them.
	PricesPending int                 `json:"prices_pending"`
	Errors        []lineErrorResponse `json:"errors"`
}

type lineErrorResponse struct {
	Line    int64  `json:"line"`
	Field   string `json:"field"`
	Message string `json:"message"`
}

func newLineErrorResponses(list []catalog.BadLine) []lineErrorResponse {
	answer := make([]lineErrorResponse, len(list))
	for i, e := range list {
		answer[i] = lineErrorResponse{Line: e.Line, Field: e.Field, Message: e.Reason}
	}
	return answer
}

// importProducts imports a file of products of the caller's seller. The file's content is its idempotency key: the
// same file again goes on where it stopped, and changes nothing where it has been applied.
func (s *Server) importProducts(w http.ResponseWriter, r *http.Request) error {
	seller, actor, err := s.requireSellerActor(r)
	if err != nil {
		return err
	}
	q := newQuery(r)
	format := q.OneOf("format", string(catalog.FormatCSV), string(catalog.FormatNDJSON))
	policy := q.OneOf("policy", string(catalog.KeepGood), string(catalog.AllOrNothing))
	if policy == "" && q.Err() == nil {
		q.fault("policy", "must be keep_good or all_or_nothing")
	}
	if err := q.Err(); err != nil {
		return err
	}
	said, err := importFormat(r, catalog.Format(format))
	if err != nil {
		return err
	}
	end, err := s.uploads.begin(seller)
	if err != nil {
		return err
	}
	defer end()
	file, size, err := spool(r.Body)
	if err != nil {
		return err
	}
	defer file.Close()
	report, err := s.Catalog.Import(r.Context(), catalog.ImportInput{
		Seller: seller, Source: file, Size: size, Format: said, Policy: catalog.Policy(policy),
		Gate: s.sellerGate(actor, "import of products"),
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/seller/imports/"+s.Regions.FormatID(regions.ImportPrefix, report.Ref))
	return writeJSON(w, http.StatusOK, importReportResponse{
		importResponse: s.newImportResponse(report.ImportRecord), Resumed: report.Resumed,
		PricesPending: report.Waiting, Errors: newLineErrorResponses(report.Errors),
	})
}

// importFormat returns the format that Content-Type names. The query's, if there is one, must be the same.
func importFormat(r *http.Request, asked catalog.Format) (catalog.Format, error) {
	said, err := fileFormat(r)
	if err != nil {
		return "", err
	}
	if asked != "" && string(asked) != said {
		return "", BadRequest("The format is not what Content-Type says.", FieldError{Field: "format", Message: "must be " + said})
	}
	return catalog.Format(said), nil
}

// spool keeps a body in a file that has no name any more: it is gone when it is closed.
func spool(body io.Reader) (file *os.File, size int64, err error) {
	file, err = os.CreateTemp("", "meridian-import-*")
	if err != nil {
		return nil, 0, fmt.Errorf("keeping the upload: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("keeping the upload: %w", err), file.Close())
	}
	if size, err = io.Copy(file, body); err != nil {
		return nil, 0, errors.Join(bodyError(err), file.Close())
	}
	return file, size, nil
}

type importsResponse struct {
	Imports    []importResponse `json:"imports"`
	NextCursor string           `json:"next_cursor,omitzero"`
}

// listImports answers the seller's imports, in whichever region they run, the newest first.
func (s *Server) listImports(w http.ResponseWriter, r *http.Request) error {
	seller, err := s.requireSeller(r)
	if err != nil {
		return err
	}
	listing := "imports of " + seller.String()
	filter := catalog.ImportFilter{Seller: seller}
	if filter.PageFilter, err = readPage[catalog.ImportPosition](s, r, listing); err != nil {
		return err
	}
	page, err := s.Catalog.ListImports(r.Context(), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, importsResponse{
		Imports: each(page.Items, s.newImportResponse), NextCursor: nextCursor(s, listing, page.Next),
	})
}

// getImport answers how far an import of the caller's seller is.
func (s *Server) getImport(w http.ResponseWriter, r *http.Request) error {
	seller, err := s.requireSeller(r)
	if err != nil {
		return err
	}
	ref, err := s.pathRef(r, "import_id", regions.ImportPrefix)
	if err != nil {
		return err
	}
	found, err := s.Catalog.GetImport(r.Context(), seller, ref)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.newImportResponse(found))
}

type importErrorsResponse struct {
	Errors     []lineErrorResponse `json:"errors"`
	NextCursor string              `json:"next_cursor,omitzero"`
}

// listImportErrors answers what is wrong with the lines of an import of the caller's seller.
func (s *Server) listImportErrors(w http.ResponseWriter, r *http.Request) error {
	seller, err := s.requireSeller(r)
	if err != nil {
		return err
	}
	ref, err := s.pathRef(r, "import_id", regions.ImportPrefix)
	if err != nil {
		return err
	}
	listing := "errors of " + ref.ID.String()
	filter := catalog.ImportErrorFilter{Seller: seller, Import: ref}
	if filter.PageFilter, err = readPage[catalog.LinePosition](s, r, listing); err != nil {
		return err
	}
	page, err := s.Catalog.ListImportErrors(r.Context(), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, importErrorsResponse{
		Errors: newLineErrorResponses(page.Items), NextCursor: nextCursor(s, listing, page.Next),
	})
}

// How many files a pod takes at the same time, in all and of one seller: each may hold a gigabyte of its disk.
const (
	maxUploads         = 8
	maxUploadsOfSeller = 2
)

// uploads counts the files that are being taken. Its zero value is ready.
type uploads struct {
	mu       sync.Mutex
	all      int
	bySeller map[uuid.UUID]int
}

// begin counts one more file, until end is called. It fails where there are as many as there may be.
func (u *uploads) begin(seller uuid.UUID) (end func(), err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all >= maxUploads || u.bySeller[seller] >= maxUploadsOfSeller {
		return nil, &Problem{Code: "unavailable", RetryAfter: uploadWait,
			Detail: "As many files are being imported as there may be at a time: send it again later."}
	}
	if u.bySeller == nil {
		u.bySeller = make(map[uuid.UUID]int)
	}
	u.all++
	u.bySeller[seller]++
	return func() { u.end(seller) }, nil
}

func (u *uploads) end(seller uuid.UUID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all--
	if u.bySeller[seller]--; u.bySeller[seller] == 0 {
		delete(u.bySeller, seller)
	}
}
