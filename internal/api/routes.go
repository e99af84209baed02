package api

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"meridian/internal/finance"
)

// routes returns the router of the whole API. The OpenAPI document lists the same operations; a test compares them.
func (s *Server) routes() *mux.Router {
	m := mux.NewRouter().SkipClean(true)
	m.NotFoundHandler = s.route("", s.noSuchRoute)
	m.MethodNotAllowedHandler = s.route("", s.otherMethods)

	on := func(method, path string, fn handlerFunc, options ...routeOption) {
		options = append(options, s.onlyDocumented(method, path))
		s.operations = append(s.operations, operation{method, path, s.configOf(options)})
		route := m.Handle(pathPattern(path), s.route(path, fn, options...)).Name(method + " " + path)
		if method == http.MethodGet {
			route.Methods(http.MethodGet, http.MethodHead)
			return
		}
		route.Methods(method)
	}

	// Machines that run the shop: load balancers, Kubernetes, Prometheus.
	on("GET", "/healthz", s.getHealth, unlimited)
	on("GET", "/readyz", s.getReadiness, unlimited)
	on("GET", "/metrics", s.getMetrics, unlimited)

	// Developers, and their tools.
	on("GET", "/openapi.json", s.getDocument)
	on("GET", "/docs", s.getDocs)

	// Everyone: which regions there are and what each sells in.
	on("GET", "/v1/regions", s.listRegions)

	// Everyone: registering and signing in, and the keys that access tokens are checked with.
	on("POST", "/v1/accounts", s.registerAccount, testsSecret)
	on("POST", "/v1/sessions", s.signIn, testsSecret)
	on("POST", "/v1/sessions:refresh", s.refreshSession)
	on("GET", "/.well-known/jwks.json", s.getKeys)

	// Customers: their sessions, their account, their addresses.
	on("DELETE", "/v1/sessions/current", s.signOut)
	on("DELETE", "/v1/sessions", s.signOutEverywhere)
	on("GET", "/v1/account", s.getAccount)
	on("PATCH", "/v1/account", s.updateAccount)
	on("DELETE", "/v1/account", s.closeAccount, testsSecret)
	on("PUT", "/v1/account/password", s.changePassword, testsSecret)
	on("GET", "/v1/account/addresses", s.listAddresses)
	on("POST", "/v1/account/addresses", s.addAddress)
	on("GET", "/v1/account/addresses/{address_id}", s.getAddress)
	on("PUT", "/v1/account/addresses/{address_id}", s.replaceAddress)
	on("DELETE", "/v1/account/addresses/{address_id}", s.deleteAddress)

	// Admins: who may do what.
	on("PUT", "/v1/admin/accounts/{account_id}/roles", s.setRoles)

	// Shoppers: carts. A guest's is opened by its token, a customer's by signing in.
	on("POST", "/v1/carts", s.createCart)
	on("GET", "/v1/carts/{cart_id}", s.getCart)
	on("PATCH", "/v1/carts/{cart_id}", s.changeCart)
	on("POST", "/v1/carts/{cart_id}/lines", s.addCartLine)
	on("PUT", "/v1/carts/{cart_id}/lines/{sku}", s.setCartLine)
	on("DELETE", "/v1/carts/{cart_id}/lines/{sku}", s.removeCartLine)
	on("GET", "/v1/account/cart", s.getAccountCart)
	on("POST", "/v1/account/cart:merge", s.mergeCart)

	// Shoppers: checkout and orders. A guest's order is opened by the token that placing it gave.
	on("POST", "/v1/orders", s.placeOrder)
	on("GET", "/v1/orders", s.listOrders)
	on("GET", "/v1/orders/{order_id}", s.getOrder)
	on("GET", "/v1/orders/{order_id}/invoice", s.getInvoice)
	on("POST", "/v1/orders/{order_id}:cancel", s.cancelOrder)

	// Operators: what happens to orders.
	on("GET", "/v1/operator/orders", s.listOperatorOrders)
	on("GET", "/v1/operator/orders/{order_id}", s.getOperatorOrder)
	on("POST", "/v1/operator/orders/{order_id}:cancel", s.cancelOrderForShop)
	on("POST", "/v1/operator/orders/{order_id}:pack", s.packOrder)
	on("POST", "/v1/operator/orders/{order_id}:ship", s.shipOrder)
	on("POST", "/v1/operator/orders/{order_id}:deliver", s.deliverOrder)
	on("POST", "/v1/operator/orders/{order_id}:refund", s.refundOrder)
	on("POST", "/v1/operator/refunds/{refund_id}:retry", s.retryRefund)

	// Operators: payments and refunds that no worker can finish.
	on("GET", "/v1/operator/attention", s.listAttention)
	on("GET", "/v1/operator/payments/{payment_id}", s.getOperatorPayment)
	on("POST", "/v1/operator/payments/{payment_id}:check", s.checkPayment)
	on("GET", "/v1/operator/holds", s.listHolds)
	on("POST", "/v1/operator/holds:release", s.releaseHolds, takesLong(releaseTimeout))

	// Everyone: what SKUs cost, and why.
	on("GET", "/v1/prices/{sku}", s.getPrice)
	on("POST", "/v1/prices:quote", s.quotePrices)

	// Everyone: whether a SKU can be had.
	on("GET", "/v1/skus/{sku}/availability", s.getAvailability)

	// Operators: stock.
	on("GET", "/v1/operator/warehouses", s.listWarehouses)
	on("GET", "/v1/operator/stock", s.listStock)
	on("POST", "/v1/operator/stock:receive", s.receiveStock)
	on("POST", "/v1/operator/stock:adjust", s.adjustStock)
	on("POST", "/v1/operator/stock:transfer", s.transferStock)
	on("PUT", "/v1/operator/stock/{warehouse}/{sku}/reorder-point", s.setReorderPoint)
	on("GET", "/v1/operator/stock/{warehouse}/{sku}/movements", s.listMovements)

	// Everyone: what is for sale.
	on("GET", "/v1/products", s.listProducts)
	on("GET", "/v1/products/{product_id}", s.getProduct)
	on("GET", "/v1/products/{product_id}/recommendations", s.getRecommendations)
	on("GET", "/v1/categories", s.listCategories)
	on("GET", "/v1/categories/{category}", s.getCategory)

	// Everyone: finding it.
	on("GET", "/v1/search", s.searchProducts)
	on("GET", "/v1/suggest", s.suggestProducts)

	// Operators: what searches bring up, and what is searched for.
	on("GET", "/v1/operator/search/rules", s.listSearchRules)
	on("GET", "/v1/operator/search/rules/{rule}", s.getSearchRule)
	on("PUT", "/v1/operator/search/rules/{rule}", s.putSearchRule)
	on("DELETE", "/v1/operator/search/rules/{rule}", s.deleteSearchRule)
	on("GET", "/v1/operator/search/terms", s.listSearchTerms)

	// Everyone: the first page. Customers see what goes with their orders.
	on("GET", "/v1/home", s.getHome)

	// Customers: what they think of what they bought.
	on("GET", "/v1/products/{product_id}/rating", s.getRating)
	on("PUT", "/v1/products/{product_id}/rating", s.putRating)
	on("DELETE", "/v1/products/{product_id}/rating", s.deleteRating)

	// Sellers: their products, one by one or by the file.
	on("GET", "/v1/seller/products", s.listSellerProducts)
	on("POST", "/v1/seller/products", s.createProduct)
	on("GET", "/v1/seller/products/{product_id}", s.getSellerProduct)
	on("PUT", "/v1/seller/products/{product_id}", s.replaceProduct)
	on("DELETE", "/v1/seller/products/{product_id}", s.archiveProduct)
	on("GET", "/v1/seller/imports", s.listImports)
	on("POST", "/v1/seller/imports", s.importProducts, takesStream(s.cfg.ImportLimit, importTimeout))
	on("GET", "/v1/seller/imports/{import_id}", s.getImport)
	on("GET", "/v1/seller/imports/{import_id}/errors", s.listImportErrors)

	// Admins: who sells, and in which categories.
	on("POST", "/v1/admin/sellers", s.createSeller)
	on("PUT", "/v1/admin/categories", s.putCategories)

	// Finance: what came in.
	on("GET", "/v1/finance/reports/revenue", s.getRevenueReport, takesLong(reportTimeout))

	// Finance: price lists and their prices, one by one or by the file.
	on("GET", "/v1/finance/price-lists", s.listPriceLists)
	on("POST", "/v1/finance/price-lists", s.createPriceList)
	on("GET", "/v1/finance/price-lists/{list}", s.getPriceList)
	on("PATCH", "/v1/finance/price-lists/{list}", s.updatePriceList)
	on("GET", "/v1/finance/price-lists/{list}/entries", s.listEntries)
	on("POST", "/v1/finance/price-lists/{list}/entries", s.setEntries)
	on("GET", "/v1/finance/price-lists/{list}/entries.csv",
		s.exportEntries(finance.FormatCSV, "text/csv; charset=utf-8"), takesLong(priceFileTimeout))
	on("GET", "/v1/finance/price-lists/{list}/entries.ndjson",
		s.exportEntries(finance.FormatNDJSON, "application/x-ndjson"), takesLong(priceFileTimeout))
	on("POST", "/v1/finance/price-lists/{list}/entries:import", s.importEntries, takesStream(priceFileLimit, priceFileTimeout))

	// Finance: who changed what, and what waits for a second person.
	on("GET", "/v1/finance/changes", s.listChanges)
	on("GET", "/v1/finance/changes/{change_id}", s.getChange)
	on("GET", "/v1/finance/changes/{change_id}/lines", s.listChangeLines)
	on("POST", "/v1/finance/changes/{change_id}:approve", s.approveChange, takesLong(priceFileTimeout))
	on("POST", "/v1/finance/changes/{change_id}:reject", s.rejectChange)

	// Finance: the rules behind prices.
	on("GET", "/v1/finance/markets", s.listMarkets)
	on("GET", "/v1/finance/markets/{market}", s.getMarket)
	on("PUT", "/v1/finance/markets/{market}", s.putMarket)
	on("GET", "/v1/finance/strategies", s.listStrategies)
	on("POST", "/v1/finance/strategies/{strategy}:apply", s.applyStrategy)
	on("GET", "/v1/finance/rounding-rules", s.listRoundingRules)
	on("PUT", "/v1/finance/rounding-rules/{rule}", s.putRoundingRule)
	on("GET", "/v1/finance/taxes", s.listTaxes)
	on("PUT", "/v1/finance/taxes", s.putTax)
	on("GET", "/v1/finance/promotions", s.listPromotions)
	on("GET", "/v1/finance/promotions/{promotion}", s.getPromotion)
	on("PUT", "/v1/finance/promotions/{promotion}", s.putPromotion)
	on("DELETE", "/v1/finance/promotions/{promotion}", s.endPromotion)
	on("PUT", "/v1/finance/accounts/{account_id}/customer-group", s.setCustomerGroup)

	// Finance: exchange rates.
	on("GET", "/v1/finance/rates", s.listRates)
	on("POST", "/v1/finance/rates", s.setRate)
	on("POST", "/v1/finance/rates:import", s.importRates, takesStream(rateFileLimit, rateFileTimeout))
	on("POST", "/v1/finance/rates/{currency}:confirm", s.confirmRate)
	on("POST", "/v1/finance/rates/{currency}:reject", s.rejectRate)
	on("POST", "/v1/finance/rates/{currency}:withdraw", s.withdrawRate)

	// Payment providers, known by their signature.
	on("POST", "/v1/webhooks/{provider}", s.receiveWebhook, unlimited, takesStream(maxWebhookBytes, webhookTimeout))

	return m
}

// noSuchRoute answers paths that no route has.
func (s *Server) noSuchRoute(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Path == "/" && r.Method == http.MethodGet { // somebody's first look
		http.Redirect(w, r, "/docs", http.StatusSeeOther)
		return nil
	}
	return notFound("There is nothing at this path. The paths are listed at /docs.")
}

// otherMethods answers a path that exists, asked with a method that it does not have.
func (s *Server) otherMethods(w http.ResponseWriter, r *http.Request) error {
	allowed := s.methodsOf(r)
	w.Header().Set("Allow", allowed)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return &Problem{Code: "method_not_allowed", Detail: "This path answers " + allowed + "."}
}

// methodsOf lists the methods that the request's path has, as the Allow header wants them.
func (s *Server) methodsOf(r *http.Request) string {
	var methods []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		var match mux.RouteMatch
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host, Header: r.Header}
		if s.router.Match(probe, &match) && match.MatchErr == nil {
			methods = append(methods, method)
		}
	}
	return strings.Join(methods, ", ")
}

// pathPattern returns the route's path as the router needs it: a variable takes no colon, so that "/orders/{id}" and
// "/orders/{id}:cancel" are told apart whatever their order.
func pathPattern(path string) string {
	return strings.ReplaceAll(path, "}", ":[^/:]+}")
}
