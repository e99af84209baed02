package demo

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
	"meridian/internal/money"
	"meridian/regions"
)

// customer is somebody with an account and an order.
type customer struct {
	purchase
	home string
}

func (c customer) account() string { return c.by.Account.Session().Account.ID }

// newcomers lists customers-to-be, by where they are and where their data must stay.
var newcomers = []struct {
	place place
	home  string
}{{newYork, "us-east"}, {mexico, "us-west"}, {germany, "eu-west"}, {singapore, "ap-southeast"}}

func (t *tour) register(ctx context.Context) error {
	var customers []customer
	var rows [][]string
	for _, who := range newcomers {
		c, err := t.customer(ctx, who.place, who.home)
		if err != nil {
			return fmt.Errorf("a customer in %s: %w", who.place.name, err)
		}
		customers = append(customers, c)
		t.orders = append(t.orders, c.purchase)
		total := money.New(c.Order.TotalMinor, money.Currency(c.Order.Currency))
		rows = append(rows, []string{c.place.name, c.account(), c.Order.ID, total.String()})
	}
	t.table([]string{"customer in", "account", "order", "total"}, rows)
	if err := t.checkHomes(ctx, customers); err != nil {
		return err
	}
	if err := t.checkTravel(ctx, customers); err != nil {
		return err
	}
	orders, err := t.await(ctx, t.orders, isPaid)
	if err != nil {
		return err
	}
	paid := countPaid(orders)
	t.check(paid == len(orders), "all of them", "%d of %d orders are paid.", paid, len(orders))
	return nil
}

// customer registers somebody, who fills a cart and orders it.
func (t *tour) customer(ctx context.Context, at place, home string) (c customer, err error) {
	s := t.guest(at, "")
	s.Account = shopper.NewAccount(client.RegisterInput{
		Email: strings.ToLower(at.country) + "@demo.example", Password: "correct horse " + client.NewKey(), Name: "A Customer",
		Country: at.country,
	}, client.Session{})
	if err := s.Account.Register(ctx, s.Client, ""); err != nil {
		return c, err
	}
	p, err := s.NewCart(ctx, "", basket(t.goods[1]))
	if err != nil {
		return c, err
	}
	if err := s.AddLine(ctx, "", p, client.Line{SKU: t.goods[2].sku, Quantity: 3}); err != nil {
		return c, err
	}
	return customer{purchase{p, s, at}, home}, s.Checkout(ctx, "", p, "card_success")
}

// checkHomes looks into the tables: a customer's rows are in the home region, and nowhere
// else.
func (t *tour) checkHomes(ctx context.Context, customers []customer) error {
	home := make(map[uuid.UUID]string)
	var accounts, orders []uuid.UUID
	for _, c := range customers {
		account, err := t.Regions.ParseID(regions.AccountPrefix, c.account())
		if err != nil {
			return err
		}
		order, err := t.Regions.ParseID(regions.OrderPrefix, c.Order.ID)
		if err != nil {
			return err
		}
		accounts, orders = append(accounts, account.ID), append(orders, order.ID)
		home[account.ID], home[order.ID] = c.home, c.home
	}
	type rowPlace struct {
		Region string
		ID     uuid.UUID
	}
	rows, err := database.List(ctx, t.db, pgx.RowToStructByPos[rowPlace], `
SELECT region::text, id
FROM accounts
WHERE id = ANY($1::uuid[])
UNION ALL
SELECT region::text, id
FROM orders
WHERE id = ANY($2::uuid[])`, accounts, orders)
	if err != nil {
		return fmt.Errorf("look where the customers' rows are: %w", err)
	}
	athome := 0
	for _, row := range rows {
		if home[row.ID] == row.Region {
			athome++
		}
	}
	t.check(len(rows) == len(home) && athome == len(rows), fmt.Sprintf("%d rows, all at home", len(home)),
		"In the database: %d rows of accounts and orders, %d of them in their customer's home region.", len(rows), athome)
	return nil
}

// checkTravel lets each customer sign in on the other side of the world.
func (t *tour) checkTravel(ctx context.Context, customers []customer) error {
	met := 0
	var first string
	for i, c := range customers {
		away := places[(i+2)%len(places)]
		shop := t.from(away)
		session, err := shop.SignIn(ctx, c.by.Account.Email, c.by.Account.Password)
		if err != nil {
			return fmt.Errorf("sign a customer of %s in from %s: %w", c.place.name, away.name, err)
		}
		var region string
		shop.Observe = func(a client.Attempt) { region = a.Region }
		page, err := shop.ListOrders(ctx, session.By(), "")
		if err != nil {
			return fmt.Errorf("list the orders of a customer of %s in %s: %w", c.place.name, away.name, err)
		}
		if region == away.region && len(page.Orders) == 1 && page.Orders[0].ID == c.Order.ID {
			met++
		}
		if i == 0 {
			first = fmt.Sprintf("the one of %s in %s", c.place.name, region)
		}
	}
	t.check(met == len(customers), "all of them, served by the region where they are",
		"%d of %d customers signed in on the other side of the world and found their order (%s).", met, len(customers), first)
	return nil
}

// stockOf returns a SKU's stock rows.
func (t *tour) stockOf(ctx context.Context, sku string) (levels []client.StockLevel, err error) {
	shop := t.from(newYork)
	err = t.operator.Do(ctx, shop, func(by client.By) error {
		levels = nil
		return shop.EachStock(ctx, by, url.Values{"sku": {sku}}, func(level client.StockLevel) { levels = append(levels, level) })
	})
	if err != nil {
		return nil, fmt.Errorf("read the stock of %s: %w", sku, err)
	}
	return levels, nil
}
