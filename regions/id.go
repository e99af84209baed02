package regions

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// ErrBadID is wrapped by every error of ParseID and ParseGlobalID: the text is not a public id of that kind.
var ErrBadID = errors.New("malformed id")

// What a public id begins with: the kind of thing it names. A prefix is never given another meaning.
const (
	AccountPrefix  = "usr"
	AddressPrefix  = "adr"
	CartPrefix     = "crt"
	ChangePrefix   = "chg" // global: its ids have no region
	ImportPrefix   = "imp"
	MovementPrefix = "mov"
	OrderPrefix    = "ord"
	PaymentPrefix  = "pay"
	ProductPrefix  = "prd" // global: its ids have no region
	RefundPrefix   = "rfd"
	SellerPrefix   = "slr" // global: its ids have no region
	ShipmentPrefix = "shp"
)

// A Ref identifies a row and its home region: the parsed form of a public id.
type Ref struct {
	// Region is the name of the row's home region.
	Region string
	// ID is the row's key inside that region.
	ID uuid.UUID
}

// idBody encodes the sixteen bytes of a UUID in a public id, as 26 lower-case letters and digits.
var idBody = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

const idBodyLength = 26

// FormatID formats the public id of a regional row, for example "ord_euw_" and 26 letters and digits. It panics if
// the region is not in the set, which is a programming error: a region's file reaches every pod before its first row
// is written.
func (s *Set) FormatID(prefix string, r Ref) string {
	region, ok := s.byName[r.Region]
	if !ok {
		panic(fmt.Sprintf("regions: no region %q to write an id of %s for", r.Region, prefix))
	}
	return prefix + "_" + region.Code + "_" + idBody.EncodeToString(r.ID[:])
}

// ParseID parses a public id that FormatID formatted with the same prefix. Every row has exactly one spelling:
// another case, another length or stray bits are rejected. The error wraps ErrBadID and never repeats the text.
func (s *Set) ParseID(prefix, text string) (Ref, error) {
	rest, ok := strings.CutPrefix(text, prefix+"_")
	if !ok {
		return Ref{}, fmt.Errorf("%w: it must begin with %s_", ErrBadID, prefix)
	}
	code, body, ok := strings.Cut(rest, "_")
	if !ok {
		return Ref{}, fmt.Errorf("%w: it must read %s_<region>_<%d letters and digits>", ErrBadID, prefix, idBodyLength)
	}
	region, ok := s.byCode[code]
	if !ok {
		return Ref{}, fmt.Errorf("%w: its region is not known", ErrBadID)
	}
	id, err := parseIDBody(body)
	if err != nil {
		return Ref{}, err
	}
	return Ref{Region: region.Name, ID: id}, nil
}

// FormatGlobalID formats the public id of a row that has no home region, for example "prd_" and 26 letters and
// digits.
func FormatGlobalID(prefix string, id uuid.UUID) string {
	return prefix + "_" + idBody.EncodeToString(id[:])
}

// ParseGlobalID parses a public id that FormatGlobalID formatted with the same prefix. The error wraps ErrBadID.
func ParseGlobalID(prefix, text string) (uuid.UUID, error) {
	body, ok := strings.CutPrefix(text, prefix+"_")
	if !ok {
		return uuid.UUID{}, fmt.Errorf("%w: it must begin with %s_", ErrBadID, prefix)
	}
	return parseIDBody(body)
}

func parseIDBody(body string) (uuid.UUID, error) {
	var id uuid.UUID
	if len(body) != idBodyLength {
		return id, fmt.Errorf("%w: it must end in %d letters and digits", ErrBadID, idBodyLength)
	}
	if _, err := idBody.Decode(id[:], []byte(body)); err != nil {
		return uuid.UUID{}, fmt.Errorf("%w: it must end in %d of the letters a-z and digits 2-7", ErrBadID, idBodyLength)
	}
	// 26 characters carry 130 bits: the decoder ignores the last two (and line ends), so only a comparison tells.
	if idBody.EncodeToString(id[:]) != body {
		return uuid.UUID{}, fmt.Errorf("%w: it has no such spelling", ErrBadID)
	}
	return id, nil
}
