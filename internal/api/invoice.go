package api

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"meridian/internal/order"
)

//go:embed invoice.html
var invoiceText string

var invoiceTemplate = template.Must(template.New("invoice").Parse(invoiceText))

// invoice is an order as it is printed: amounts as the reader's language writes them.
type invoice struct {
	Lang, Title, Number, Date, Status, Address         string
	Lines                                              []invoiceLine
	Subtotal, Discount, Shipping, Tax, Total, Refunded string
	IncludesTax                                        bool
}

type invoiceLine struct {
	Title, SKU                       string
	Quantity                         int64
	Unit, Discount, Tax, Rate, Total string
}

// getInvoice answers an order as a page to print, to its buyer and to operators. Before the order is paid it says
// that it is none yet.
func (s *Server) getInvoice(w http.ResponseWriter, r *http.Request) error {
	found, err := s.readableOrder(r)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := invoiceTemplate.Execute(&page, s.newInvoice(found, s.locales.match(r.Header.Get("Accept-Language")))); err != nil {
		return fmt.Errorf("write invoice: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	h.Set("Cache-Control", "private, no-store")
	h.Add("Vary", "Accept-Language")
	_, err = w.Write(page.Bytes())
	return err
}

func (s *Server) newInvoice(o order.Order, locale string) invoice {
	text := func(minor int64) string { return s.locales.format(locale, minor, o.Currency) }
	page := invoice{
		Lang: locale, Title: "Invoice", Number: s.Orders.PublicID(o.Ref), Date: o.PlacedAt.UTC().Format("2006-01-02"), Status: string(o.Status),
		Address: printedAddress(o.ShipTo), Subtotal: text(o.SubtotalMinor), Shipping: text(o.ShippingMinor), Tax: text(o.TaxMinor),
		Total: text(o.TotalMinor), IncludesTax: o.PricesIncludeTax,
	}
	if o.Status == order.PendingPayment || o.Status == order.Cancelled {
		page.Title = "Order, not an invoice"
	}
	if o.DiscountMinor > 0 {
		page.Discount = text(-o.DiscountMinor)
	}
	if o.Payment.RefundedMinor > 0 {
		page.Refunded = text(o.Payment.RefundedMinor)
	}
	for _, l := range o.Lines {
		line := invoiceLine{Title: l.Title, SKU: l.SKU, Quantity: l.Quantity, Unit: text(l.UnitPriceMinor), Tax: text(l.TaxMinor),
			Rate: fmt.Sprintf("%d.%02d %%", l.TaxRate/100, l.TaxRate%100), Total: text(l.TotalMinor)}
		if l.DiscountMinor > 0 {
			line.Discount = text(-l.DiscountMinor)
		}
		page.Lines = append(page.Lines, line)
	}
	return page
}

func printedAddress(a order.Address) string {
	var lines []string
	for _, line := range []string{a.Name, a.Line1, a.Line2, strings.TrimSpace(a.Postcode + " " + a.City), a.State, a.Country} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
