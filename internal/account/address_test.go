package account

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/idempotency"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

func dublin() AddressFields {
	return AddressFields{
		Label: "home", Name: "Aoife Byrne", Line1: "1 O'Connell Street", City: "Dublin", Postcode: "D01 F5P2",
		Country: "IE", Phone: "+353 1 234-5678",
	}
}

func TestAddAddress(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	account := register(t, a, "aoife@example.com").Account.Ref
	var added Address
	got := databasetest.Trips(t, func(ctx context.Context) (err error) {
		added, err = a.AddAddress(ctx, AddAddressInput{Account: account, Address: dublin(), Idempotency: idempotent("k", "b")})
		return err
	})
	if got != 1 {
		t.Errorf("%d round trips, want 1", got)
	}
	want := dublin()
	want.Default = true // the first one
	if diff := cmp.Diff(want, added.AddressFields); diff != "" || added.Ref.Region != "eu-west" {
		t.Errorf("in %s: %s", added.Ref.Region, diff)
	}
	found, err := a.GetAddress(t.Context(), account, added.Ref)
	if diff := cmp.Diff(added, found); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	again, err := a.AddAddress(t.Context(), AddAddressInput{Account: account, Address: dublin(), Idempotency: idempotent("k", "b")})
	if err != nil || again.Ref != added.Ref {
		t.Errorf("again: %v %v, want %v", again.Ref, err, added.Ref)
	}
	_, err = a.AddAddress(t.Context(), AddAddressInput{Account: account, Address: dublin(), Idempotency: idempotent("k", "another body")})
	if !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("the key with another body: got %v", err)
	}
	testkit.NoError(t, a.DeleteAddress(t.Context(), account, added.Ref))
	_, err = a.AddAddress(t.Context(), AddAddressInput{Account: account, Address: dublin(), Idempotency: idempotent("k", "b")})
	if err != ErrNoAddress {
		t.Errorf("again after it was deleted: got %v", err)
	}
}

func TestAddress_Invalid(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	account := register(t, a, "aoife@example.com").Account.Ref
	for _, test := range []struct {
		field, value string
		change       func(*AddressFields, string)
	}{
		{"name", "", func(f *AddressFields, v string) { f.Name = v }},
		{"line1", "", func(f *AddressFields, v string) { f.Line1 = v }},
		{"city", "", func(f *AddressFields, v string) { f.City = v }},
		{"country", "ZZ", func(f *AddressFields, v string) { f.Country = v }},
		{"phone", "call me", func(f *AddressFields, v string) { f.Phone = v }},
		{"label", strings.Repeat("l", 41), func(f *AddressFields, v string) { f.Label = v }},
		{"line2", "x\x1b[2J", func(f *AddressFields, v string) { f.Line2 = v }},
		{"postcode", strings.Repeat("1", 21), func(f *AddressFields, v string) { f.Postcode = v }},
		{"state", "a\nb", func(f *AddressFields, v string) { f.State = v }},
	} {
		fields := dublin()
		test.change(&fields, test.value)
		_, err := a.AddAddress(t.Context(), AddAddressInput{Account: account, Address: fields})
		wantFault(t, err, test.field, test.value)
		_, err = a.ReplaceAddress(t.Context(), account, regions.Ref{Region: "eu-west", ID: uuid.New()}, fields)
		wantFault(t, err, test.field, test.value)
	}
}

func TestAddAddress_TooMany(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	account := register(t, a, "aoife@example.com").Account.Ref
	other := register(t, a, "other@example.com").Account.Ref
	errs := make([]error, MaxAddresses+5)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			_, errs[i] = a.AddAddress(t.Context(), AddAddressInput{Account: account, Address: dublin()})
		})
	}
	group.Wait()
	refused := 0
	for _, err := range errs {
		if err == ErrTooManyAddresses {
			refused++
		} else if err != nil {
			t.Errorf("got %v", err)
		}
	}
	if refused != 5 {
		t.Errorf("%d of %d were refused, want 5", refused, len(errs))
	}
	// A refused call has left no record: its key is free.
	in := AddAddressInput{Account: account, Address: dublin(), Idempotency: idempotent("k", "b")}
	if _, err := a.AddAddress(t.Context(), in); err != ErrTooManyAddresses {
		t.Errorf("one more: got %v", err)
	}
	all, err := a.ListAddresses(t.Context(), account)
	if err != nil || len(all) != MaxAddresses {
		t.Fatalf("%d addresses %v", len(all), err)
	}
	testkit.NoError(t, a.DeleteAddress(t.Context(), account, all[0].Ref))
	if _, err := a.AddAddress(t.Context(), in); err != nil {
		t.Errorf("in the place of a deleted one, with the same key: %v", err)
	}
	if _, err := a.AddAddress(t.Context(), AddAddressInput{Account: other, Address: dublin()}); err != nil {
		t.Errorf("another account: %v", err)
	}
}

// TestAddresses_OfOthers holds every operation to the owner's own addresses.
func TestAddresses_OfOthers(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	aoife := register(t, a, "aoife@example.com").Account.Ref
	mallory := register(t, a, "mallory@example.com").Account.Ref
	added := testkit.Must(a.AddAddress(t.Context(), AddAddressInput{Account: aoife, Address: dublin()}))(t)
	before := testkit.Must(a.ListAddresses(t.Context(), aoife))(t)
	mine := dublin()
	mine.Default, mine.Name = true, "Mallory"
	elsewhere := regions.Ref{Region: "us-east", ID: added.Ref.ID}
	for name, err := range map[string]error{
		"get":                    second(a.GetAddress(t.Context(), mallory, added.Ref)),
		"replace":                second(a.ReplaceAddress(t.Context(), mallory, added.Ref, mine)),
		"delete":                 a.DeleteAddress(t.Context(), mallory, added.Ref),
		"get, another region":    second(a.GetAddress(t.Context(), aoife, elsewhere)),
		"delete, another region": a.DeleteAddress(t.Context(), aoife, elsewhere),
		"replace, other region":  second(a.ReplaceAddress(t.Context(), aoife, elsewhere, mine)),
	} {
		if err != ErrNoAddress {
			t.Errorf("%s: got %v", name, err)
		}
	}
	after, err := a.ListAddresses(t.Context(), aoife)
	if diff := cmp.Diff(before, after); diff != "" || err != nil {
		t.Errorf("the addresses have changed: %v %s", err, diff)
	}
	if others, err := a.ListAddresses(t.Context(), mallory); err != nil || len(others) != 0 {
		t.Errorf("mallory lists %d addresses %v", len(others), err)
	}
}

// TestAddresses_OneDefault does anything in any order: at most one address is the default, the listing begins with
// it, and the addresses are those that a simple model says.
func TestAddresses_OneDefault(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	serial := 0
	rapid.Check(t, func(rt *rapid.T) {
		serial++
		account := register(t, a, strings.Repeat("x", serial%50+1)+uuid.NewString()[:8]+"@example.com").Account.Ref
		model := map[uuid.UUID]AddressFields{}
		var ids []uuid.UUID // of the model, oldest first
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			fields := dublin()
			fields.Label = rapid.StringMatching(`[a-z]{0,5}`).Draw(rt, "label")
			fields.Default = rapid.Bool().Draw(rt, "default")
			var chosen uuid.UUID
			if len(ids) > 0 {
				chosen = rapid.SampledFrom(ids).Draw(rt, "address")
			}
			ref := regions.Ref{Region: account.Region, ID: chosen}
			switch op := rapid.SampledFrom([]string{"add", "replace", "delete"}).Draw(rt, "op"); {
			case op == "add" || chosen == uuid.Nil:
				added := testkit.Must(a.AddAddress(t.Context(), AddAddressInput{Account: account, Address: fields}))(rt)
				fields.Default = fields.Default || len(model) == 0
				chosen = added.Ref.ID
				ids = append(ids, chosen)
			case op == "replace":
				testkit.Must(a.ReplaceAddress(t.Context(), account, ref, fields))(rt)
			default:
				testkit.NoError(rt, a.DeleteAddress(t.Context(), account, ref))
				delete(model, chosen)
				ids = slices.DeleteFunc(ids, func(id uuid.UUID) bool { return id == chosen })
				continue
			}
			if fields.Default {
				for id, other := range model {
					other.Default = false
					model[id] = other
				}
			}
			model[chosen] = fields
		}
		listed := testkit.Must(a.ListAddresses(t.Context(), account))(rt)
		got := map[uuid.UUID]AddressFields{}
		for i, address := range listed {
			got[address.Ref.ID] = address.AddressFields
			if address.Default && i > 0 {
				rt.Errorf("the default address is number %d of the listing", i+1)
			}
		}
		if diff := cmp.Diff(model, got); diff != "" {
			rt.Error(diff)
		}
	})
}
