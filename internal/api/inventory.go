package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"meridian/internal/inventory"
	"meridian/regions"
)

// availabilityResponse is where a SKU can be had.
type availabilityResponse struct {
	SKU     string                       `json:"sku"`
	Regions []regionAvailabilityResponse `json:"regions"`
}

type regionAvailabilityResponse struct {
	Region       string `json:"region"`
	Availability string `json:"availability"`
	Units        int64  `json:"units"`
}

// What everyone is told of stock: few units are "low", and no number above maxShownUnits.
const (
	lowUnits      = 5
	maxShownUnits = 10
)

func newRegionAvailability(a inventory.Availability, exact bool) regionAvailabilityResponse {
	answer := regionAvailabilityResponse{Region: a.Region, Availability: "in_stock", Units: a.Units}
	switch {
	case a.Units <= 0:
		answer.Availability = "out"
	case a.Units <= lowUnits:
		answer.Availability = "low"
	}
	if !exact {
		answer.Units = min(a.Units, maxShownUnits)
	}
	return answer
}

// getAvailability answers where a SKU can be had: to operators exactly, to everyone else up to ten units.
func (s *Server) getAvailability(w http.ResponseWriter, r *http.Request) error {
	p, _, err := s.principal(r)
	if err != nil {
		return err
	}
	sku := mux.Vars(r)["sku"]
	list, err := s.Inventory.Availability(r.Context(), sku)
	if err != nil {
		return notThere(err)
	}
	answer := availabilityResponse{SKU: sku}
	for _, a := range list {
		answer.Regions = append(answer.Regions, newRegionAvailability(a, p.Has(roleOperator)))
	}
	setAge(w, s.Inventory.AvailabilityAge(r.Context()))
	return writeJSON(w, http.StatusOK, answer)
}

type warehousesResponse struct {
	Warehouses []warehouseResponse `json:"warehouses"`
}

type warehouseResponse struct {
	Code      string  `json:"code"`
	Region    string  `json:"region"`
	Title     string  `json:"title"`
	Country   string  `json:"country"`
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Active    bool    `json:"active"`
}

// listWarehouses answers every warehouse to operators.
func (s *Server) listWarehouses(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	houses, err := s.Inventory.Warehouses(r.Context())
	if err != nil {
		return err
	}
	var answer warehousesResponse
	for _, house := range houses {
		answer.Warehouses = append(answer.Warehouses, warehouseResponse(house))
	}
	return writeJSON(w, http.StatusOK, answer)
}

// levelResponse is one stock row.
type levelResponse struct {
	Region       string `json:"region"`
	Warehouse    string `json:"warehouse"`
	SKU          string `json:"sku"`
	OnHand       int64  `json:"on_hand"`
	Reserved     int64  `json:"reserved"`
	Allocated    int64  `json:"allocated"`
	Available    int64  `json:"available"`
	ReorderPoint int64  `json:"reorder_point"`
}

func newLevelResponse(l inventory.Level) levelResponse {
	return levelResponse{
		Region:       l.Region,
		Warehouse:    l.Warehouse,
		SKU:          l.SKU,
		OnHand:       l.OnHand,
		Reserved:     l.Reserved,
		Allocated:    l.Allocated,
		Available:    l.Available(),
		ReorderPoint: l.ReorderPoint,
	}
}

type levelsResponse struct {
	// Regions are those whose stock was looked at.
	Regions    []string        `json:"regions"`
	Stock      []levelResponse `json:"stock"`
	NextCursor string          `json:"next_cursor,omitzero"`
}

// maxStockName is the most bytes of a SKU or the code of a warehouse in a query.
const maxStockName = 64

// listStock answers the stock rows of all regions, or of one, by SKU and warehouse.
func (s *Server) listStock(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	q := newQuery(r)
	filter := inventory.LevelFilter{Regions: s.homes(q), SKU: q.Text("sku", maxStockName), Warehouse: q.Text("warehouse", maxStockName)}
	if err := q.Err(); err != nil {
		return err
	}
	listing := "stock " + filter.SKU + " @ " + filter.Warehouse + " in " + strings.Join(filter.Regions, ",")
	var err error
	if filter.PageFilter, err = readPage[inventory.LevelPosition](s, r, listing); err != nil {
		return err
	}
	page, err := s.Inventory.List(r.Context(), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, levelsResponse{
		Regions: page.Regions, Stock: each(page.Items, newLevelResponse), NextCursor: nextCursor(s, listing, page.Next),
	})
}

// receiveStockRequest is a delivery.
type receiveStockRequest struct {
	SKU       string `json:"sku"`
	Warehouse string `json:"warehouse"`
	Quantity  int64  `json:"quantity"`
	Reason    string `json:"reason"`
	Reference string `json:"reference"`
}

// receiveStock adds a delivery to the stock.
func (s *Server) receiveStock(w http.ResponseWriter, r *http.Request) error {
	var body receiveStockRequest
	op, err := s.stockOperation(r, &body)
	if err != nil {
		return err
	}
	op.Reason, op.Reference = body.Reason, body.Reference
	level, err := s.Inventory.Receive(r.Context(), inventory.Receipt{
		SKU: body.SKU, Warehouse: body.Warehouse, Quantity: body.Quantity, Operation: op,
	})
	return s.answerLevel(w, r, body.Warehouse, body.SKU, level, err)
}

// adjustStockRequest is a correction.
type adjustStockRequest struct {
	SKU       string `json:"sku"`
	Warehouse string `json:"warehouse"`
	Delta     int64  `json:"delta"`
	Reason    string `json:"reason"`
	Reference string `json:"reference"`
}

// adjustStock corrects a stock row.
func (s *Server) adjustStock(w http.ResponseWriter, r *http.Request) error {
	var body adjustStockRequest
	op, err := s.stockOperation(r, &body)
	if err != nil {
		return err
	}
	op.Reason, op.Reference = body.Reason, body.Reference
	level, err := s.Inventory.Adjust(r.Context(), inventory.Adjustment{
		SKU: body.SKU, Warehouse: body.Warehouse, Delta: body.Delta, Operation: op,
	})
	return s.answerLevel(w, r, body.Warehouse, body.SKU, level, err)
}

// transferStockRequest is units that go from one warehouse to another.
type transferStockRequest struct {
	SKU       string `json:"sku"`
	From      string `json:"from_warehouse"`
	To        string `json:"to_warehouse"`
	Quantity  int64  `json:"quantity"`
	Reason    string `json:"reason"`
	Reference string `json:"reference"`
}

// transferResponse is both sides of a transfer after it.
type transferResponse struct {
	From levelResponse `json:"from"`
	To   levelResponse `json:"to"`
}

// transferStock moves units between warehouses.
func (s *Server) transferStock(w http.ResponseWriter, r *http.Request) error {
	var body transferStockRequest
	op, err := s.stockOperation(r, &body)
	if err != nil {
		return err
	}
	op.Reason, op.Reference = body.Reason, body.Reference
	after, err := s.Inventory.Transfer(r.Context(), inventory.Transfer{
		SKU: body.SKU, From: body.From, To: body.To, Quantity: body.Quantity, Operation: op,
	})
	after, _, err = answerOnce(w, after, err, func(string) (both inventory.Transferred, err error) {
		if both.From, err = s.Inventory.Get(r.Context(), body.From, body.SKU); err == nil {
			both.To, err = s.Inventory.Get(r.Context(), body.To, body.SKU)
		}
		return both, err
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, transferResponse{From: newLevelResponse(after.From), To: newLevelResponse(after.To)})
}

// stockOperation reads what every change of stock by an operator has: who makes it, its body and the call's name.
func (s *Server) stockOperation(r *http.Request, body any) (inventory.Operation, error) {
	var op inventory.Operation
	p, err := s.require(r, roleOperator)
	if err != nil {
		return op, err
	}
	op.Actor = s.Regions.FormatID(regions.AccountPrefix, p.Account)
	op.Idempotency, err = s.readIdempotent(r, body)
	return op, err
}

// answerLevel answers a changed stock row; one that was changed by the same call before as it is now.
func (s *Server) answerLevel(w http.ResponseWriter, r *http.Request, warehouse, sku string, level inventory.Level, err error) error {
	level, _, err = answerOnce(w, level, err, func(string) (inventory.Level, error) {
		return s.Inventory.Get(r.Context(), warehouse, sku)
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, newLevelResponse(level))
}

// reorderPointRequest is when a stock row is low.
type reorderPointRequest struct {
	ReorderPoint *int64 `json:"reorder_point"`
}

// setReorderPoint changes when a stock row is low. It is a PUT, so repeating it does no harm.
func (s *Server) setReorderPoint(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	var body reorderPointRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	if body.ReorderPoint == nil {
		return BadRequest("The body is not what this route takes.", FieldError{Field: "reorder_point", Message: "must be given"})
	}
	vars := mux.Vars(r)
	level, err := s.Inventory.SetReorderPoint(r.Context(), inventory.ReorderPoint{
		SKU: vars["sku"], Warehouse: vars["warehouse"], Units: *body.ReorderPoint,
	})
	if err != nil {
		return notThere(err)
	}
	return writeJSON(w, http.StatusOK, newLevelResponse(level))
}

type movementsResponse struct {
	Movements  []movementResponse `json:"movements"`
	NextCursor string             `json:"next_cursor,omitzero"`
}

type movementResponse struct {
	ID             string    `json:"id"`
	Kind           string    `json:"kind"`
	OnHandDelta    int64     `json:"on_hand_delta"`
	ReservedDelta  int64     `json:"reserved_delta"`
	AllocatedDelta int64     `json:"allocated_delta"`
	Reason         string    `json:"reason"`
	Actor          string    `json:"actor"`
	Reference      string    `json:"reference"`
	At             time.Time `json:"at"`
}

func (s *Server) newMovementResponse(m inventory.Movement) movementResponse {
	return movementResponse{
		ID:   s.Regions.FormatID(regions.MovementPrefix, regions.Ref{Region: m.Region, ID: m.ID}),
		Kind: m.Kind, OnHandDelta: m.OnHandDelta, ReservedDelta: m.ReservedDelta, AllocatedDelta: m.AllocatedDelta,
		Reason: m.Reason, Actor: m.Actor, Reference: m.Reference, At: m.At,
	}
}

// listMovements answers the ledger of a stock row, the newest first.
func (s *Server) listMovements(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	vars := mux.Vars(r)
	listing := "movements " + vars["sku"] + " @ " + vars["warehouse"]
	filter := inventory.MovementFilter{SKU: vars["sku"], Warehouse: vars["warehouse"]}
	var err error
	if filter.PageFilter, err = readPage[inventory.MovementPosition](s, r, listing); err != nil {
		return err
	}
	page, err := s.Inventory.Movements(r.Context(), filter)
	if err != nil {
		return notThere(err)
	}
	return writeJSON(w, http.StatusOK, movementsResponse{
		Movements:  each(page.Items, s.newMovementResponse),
		NextCursor: nextCursor(s, listing, page.Next),
	})
}

// notThere turns the error for an unknown SKU, warehouse or stock row in the path into a 404.
func notThere(err error) error {
	if errors.Is(err, inventory.ErrUnknownSKU) || errors.Is(err, inventory.ErrUnknownWarehouse) || errors.Is(err, inventory.ErrNoStock) {
		return notFound("There is no such SKU, warehouse or stock row.")
	}
	return err
}

// notEnoughStock says what is left of which stock row.
func notEnoughStock(err error, p *Problem) {
	var short *inventory.NotEnoughError
	if errors.As(err, &short) {
		p.Detail = fmt.Sprintf("Warehouse %s has %d free units of %s; the rest is promised to orders.", short.Warehouse, short.Free, short.SKU)
		p.Extra = map[string]any{"sku": short.SKU, "warehouse": short.Warehouse, "free": short.Free}
	}
}
