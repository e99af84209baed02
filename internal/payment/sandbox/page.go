package sandbox

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
)

// listCards handles GET /v1/cards.
func (s *Server) listCards(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string][]Card{"cards": Cards()})
}

// showPage handles GET /, a page that lists the test cards.
func (s *Server) showPage(w http.ResponseWriter, _ *http.Request) error {
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, Cards()); err != nil {
		return fmt.Errorf("render the page: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, err := w.Write(page.Bytes())
	return err
}

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Meridian sandbox payments</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #d0d7de }
code { white-space: nowrap }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117 } th, td { border-color: #30363d } }
</style>
</head>
<body>
<h1>Sandbox payments</h1>
<p>No money moves here. The card a payment is made with chooses what becomes of it. Cards can be joined by
<code>+</code>: <code>card_success_slow:2s+card_declined</code> is declined after two seconds.</p>
<table>
<thead><tr><th scope="col">Card</th><th scope="col">What happens</th></tr></thead>
<tbody>
{{range .}}<tr><td><code>{{.Token}}</code></td><td>{{.Meaning}}</td></tr>
{{end}}</tbody>
</table>
<p>As JSON: <a href="/v1/cards">/v1/cards</a>.</p>
<h2>Refunds by hand</h2>
<p>What the button of a dashboard does: <code>POST /v1/payments/{payment}/refunds</code> with the API key gives money back
without asking the shop, all that is left or <code>{"amount":{"minor":500,"currency":"EUR"}}</code>. The shop hears of it by
webhook. <code>GET /v1/payments</code> and <code>GET /v1/refunds</code> list what was made, the newest first:
<code>?created[gte]=…&amp;created[lt]=…</code> (Unix seconds), <code>&amp;payment_id=…</code> for refunds,
<code>&amp;limit=100&amp;starting_after=…</code> for the next page.</p>
</body>
</html>
`))
