package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/mux"

	"meridian/internal/finance"
	"meridian/internal/invalid"
)

const (
	// priceFileLimit is the largest file of prices, in bytes.
	priceFileLimit = 32 << 20
	// priceFileTimeout is how long the upload or the download of one may take.
	priceFileTimeout = 5 * time.Minute
	// maxEntryLines is the most prices that one call sets without a file.
	maxEntryLines = 1000
)

// entryResponse is a price of a list.
type entryResponse struct {
	SKU         string     `json:"sku"`
	MinQuantity int64      `json:"min_quantity"`
	AmountMinor int64      `json:"amount_minor"`
	ValidFrom   time.Time  `json:"valid_from"`
	ValidTo     *time.Time `json:"valid_to"`
	ChangeID    *string    `json:"change_id"`
}

type entriesResponse struct {
	Entries    []entryResponse `json:"entries"`
	NextCursor string          `json:"next_cursor,omitzero"`
}

func newEntryResponse(e finance.Entry) entryResponse {
	return entryResponse{
		SKU: e.SKU, MinQuantity: e.MinQuantity, AmountMinor: e.AmountMinor, ValidFrom: e.Period.From, ValidTo: timeOrNull(e.Period.To),
		ChangeID: changeIDOrNull(e.ChangeID),
	}
}

// listEntries answers the prices of a list, by SKU, quantity and time.
func (s *Server) listEntries(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	q := newQuery(r)
	filter := finance.EntryFilter{List: mux.Vars(r)["list"], SKU: q.Text("sku", maxStockName), At: q.Moment("as_of")}
	if err := q.Err(); err != nil {
		return err
	}
	_, err := s.Finance.List(r.Context(), filter.List)
	if err != nil {
		return err
	}
	listing := fmt.Sprintf("prices of %s for %q at %d", filter.List, filter.SKU, filter.At.UnixMicro())
	if filter.PageFilter, err = readPage[finance.EntryPosition](s, r, listing); err != nil {
		return err
	}
	page, err := s.Finance.Entries(r.Context(), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, entriesResponse{
		Entries: each(page.Items, newEntryResponse), NextCursor: nextCursor(s, listing, page.Next),
	})
}

// exportEntries streams the prices of a list as a file.
func (s *Server) exportEntries(format finance.Format, mediaType string) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := s.financeActor(r); err != nil {
			return err
		}
		q := newQuery(r)
		at := q.Moment("as_of")
		if err := q.Err(); err != nil {
			return err
		}
		list, err := s.Finance.List(r.Context(), mux.Vars(r)["list"])
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Disposition", `attachment; filename="`+list.Code+`.`+string(format)+`"`)
		return s.Finance.Export(r.Context(), w, format, list, at)
	}
}

// proposalResponse is what became of many prices, or of a strategy.
type proposalResponse struct {
	DryRun bool `json:"dry_run"`
	// NeedsApproval says that a second person has, or in a dry run would have, to approve it.
	NeedsApproval bool           `json:"needs_approval"`
	Effect        jsontext.Value `json:"effect"`
	// Change is absent in a dry run, and where all of it is so already.
	Change *priceChangeResponse `json:"change,omitzero"`
}

// importEntries sets the prices of a list from a file: all of it or nothing.
func (s *Server) importEntries(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r, roleFinance)
	if err != nil {
		return err
	}
	in, key, err := s.readPricesInput(r)
	if err != nil {
		return err
	}
	format, err := fileFormat(r)
	if err != nil {
		return err
	}
	if _, err := s.Finance.List(r.Context(), in.List); err != nil {
		return err
	}
	end, err := s.uploads.begin(p.Account.ID)
	if err != nil {
		return err
	}
	defer end()
	digest := sha256.New()
	in.Lines, err = finance.ReadLines(io.TeeReader(r.Body, digest), finance.Format(format))
	if err != nil {
		if errors.As(err, new(*invalid.Error)) {
			return err
		}
		return bodyError(err)
	}
	return s.setPrices(w, r, in, key, hex.EncodeToString(digest.Sum(nil)))
}

type setEntriesRequest struct {
	Lines []entryRequest `json:"lines"`
}

type entryRequest struct {
	SKU         string `json:"sku"`
	MinQuantity *int64 `json:"min_quantity"`
	// AmountMinor is null to end the price; it must be given.
	AmountMinor jsontext.Value `json:"amount_minor"`
	ValidFrom   *time.Time     `json:"valid_from"`
	ValidTo     *time.Time     `json:"valid_to"`
}

// line returns the price as finance takes it.
func (e entryRequest) line(no int, faults *[]FieldError) finance.Line {
	field := fmt.Sprintf("lines[%d].", no-1)
	l := finance.Line{No: int64(no), SKU: e.SKU, MinQuantity: 1}
	if e.MinQuantity != nil {
		l.MinQuantity = *e.MinQuantity
	}
	if err := json.Unmarshal(e.AmountMinor, &l.AmountMinor, decoding); err != nil {
		const remedy = "must be a whole number of minor units, or null to end the price"
		*faults = append(*faults, FieldError{Field: field + "amount_minor", Message: remedy})
	}
	l.From, l.To = moment(field+"valid_from", e.ValidFrom, faults), moment(field+"valid_to", e.ValidTo, faults)
	return l
}

// setEntries sets up to a thousand prices of a list: all of them or none.
func (s *Server) setEntries(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	in, key, err := s.readPricesInput(r)
	if err != nil {
		return err
	}
	var body setEntriesRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	var faults []FieldError
	if len(body.Lines) == 0 || len(body.Lines) > maxEntryLines {
		return badBody([]FieldError{{Field: "lines", Message: fmt.Sprintf("must be 1 to %d; more fit into a file", maxEntryLines)}})
	}
	for i, e := range body.Lines {
		in.Lines = append(in.Lines, e.line(i+1, &faults))
		if len(faults) >= 20 {
			break
		}
	}
	if err := badBody(faults); err != nil {
		return err
	}
	return s.setPrices(w, r, in, key, string(marshal(body)))
}

// readPricesInput reads what a file and a list of prices have in common.
func (s *Server) readPricesInput(r *http.Request) (in finance.PricesInput, key string, err error) {
	actor, err := s.financeActor(r)
	if err != nil {
		return in, "", err
	}
	if key, err = idempotencyKey(r); err != nil {
		return in, "", err
	}
	q := newQuery(r)
	in = finance.PricesInput{List: mux.Vars(r)["list"], DryRun: q.Bool("dry_run")}
	in.By = finance.By{Actor: actor, Reason: q.Text("reason", 2000)}
	return in, key, q.Err()
}

// setPrices answers what becomes of prices; content stands for them under the call's key.
func (s *Server) setPrices(w http.ResponseWriter, r *http.Request, in finance.PricesInput, key, content string) error {
	print, err := s.fingerprint(r, []any{in.Reason, in.DryRun, content})
	if err != nil {
		return err
	}
	in.Idempotency = s.financeKey(in.Actor, key, print)
	proposal, err := s.Finance.SetPrices(r.Context(), in)
	if errors.Is(err, finance.ErrNotFound) {
		return notFound("There is no such price list.")
	}
	return s.writeProposal(w, r, newProposalResponse(in.DryRun, proposal.NeedsApproval, proposal.Effect, proposal.Change), err)
}

// writeProposal answers what became of a proposal, or of the first one with its idempotency key.
func (s *Server) writeProposal(w http.ResponseWriter, r *http.Request, p proposalResponse, err error) error {
	answer, _, err := answerOnce(w, p, err, func(id string) (proposalResponse, error) {
		found, err := s.changeByID(r, id)
		change := newPriceChangeResponse(found)
		return proposalResponse{NeedsApproval: found.NeedsApproval, Effect: change.Effect, Change: &change}, err
	})
	if err != nil {
		return err
	}
	if answer.Change == nil {
		return writeJSON(w, http.StatusOK, answer)
	}
	return writeJSON(w, answer.Change.httpStatus(), answer)
}

func newProposalResponse(dryRun, needsApproval bool, effect any, c finance.Change) proposalResponse {
	answer := proposalResponse{DryRun: dryRun, NeedsApproval: needsApproval, Effect: marshal(effect)}
	if c.Status != "" {
		change := newPriceChangeResponse(c)
		answer.Change = &change
	}
	return answer
}
