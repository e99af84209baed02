package outage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meridian/internal/local"
)

// Fault is something that happens to a shop.
type Fault struct {
	Name, About string
	// alone has the shop opened without a standby of its database.
	alone bool
	// inflict lets it happen, undo ends it; nil where it ends by itself.
	inflict, undo func(ctx context.Context, shop *local.Shop) error
}

// The regions of the faults. The database's primary is in us-east, the first region, and its standby in standbyRegion.
const (
	primaryRegion = "us-east"
	standbyRegion = "eu-west"
	farRegion     = "ap-southeast"
	plainRegion   = "us-west" // no part of the database is there
)

const slower = 2 * time.Second

// Faults are all there are.
var Faults = []Fault{
	{
		Name: "kill-region", About: plainRegion + " ends as in a crash; no part of the database is there",
		inflict: command(local.LabCommand{Do: local.LabKill, From: plainRegion}),
		undo:    command(local.LabCommand{Do: local.LabStart, From: plainRegion}),
	},
	{
		Name: "kill-primary", About: primaryRegion + " ends with the database's primary; the standby in " + standbyRegion + " takes over",
		inflict: command(local.LabCommand{Do: local.LabKill, From: primaryRegion}),
		undo:    command(local.LabCommand{Do: local.LabStart, From: primaryRegion}),
	},
	{
		Name: "cut-database", About: farRegion + " and the database's primary no longer reach each other",
		inflict: command(local.LabCommand{Do: local.LabCut, From: farRegion, To: primaryRegion, Both: true}),
		undo:    command(local.LabCommand{Do: local.LabHeal, From: farRegion, To: primaryRegion}),
	},
	{
		Name: "cut-others", About: "nothing from " + plainRegion + " reaches another region, while all still reaches it",
		inflict: cutOthers(plainRegion),
		undo:    command(local.LabCommand{Do: local.LabHeal, From: plainRegion}),
	},
	{
		Name: "slow-region", About: fmt.Sprintf("all ways from and to %s take %s more", farRegion, slower),
		inflict: command(local.LabCommand{Do: local.LabSlow, From: farRegion, By: slower}),
		undo:    command(local.LabCommand{Do: local.LabHeal, From: farRegion}),
	},
	{
		Name: "restart-database", About: "the database has no standby, is killed, and is started again at once", alone: true,
		inflict: restartDatabase,
	},
	{
		Name: "lose-standby", About: "the database's standby in " + standbyRegion + " is killed",
		inflict: func(_ context.Context, shop *local.Shop) error { return shop.KillDatabase(standbyRegion) },
		undo:    func(ctx context.Context, shop *local.Shop) error { return shop.StartDatabase(ctx, standbyRegion) },
	},
}

// Find returns the faults of these names, or all of them for none.
func Find(names ...string) ([]Fault, error) {
	if len(names) == 0 {
		return Faults, nil
	}
	var found []Fault
	for _, name := range names {
		i := slices.IndexFunc(Faults, func(f Fault) bool { return f.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no fault %q: use one of %s", name, strings.Join(Names(), ", "))
		}
		found = append(found, Faults[i])
	}
	return found, nil
}

// Names returns the names of all faults.
func Names() []string {
	var names []string
	for _, f := range Faults {
		names = append(names, f.Name)
	}
	return names
}

func command(c local.LabCommand) func(context.Context, *local.Shop) error {
	return func(ctx context.Context, shop *local.Shop) error { return shop.Lab(ctx, c) }
}

// cutOthers cuts a region's ways to each other one, in that direction.
func cutOthers(region string) func(context.Context, *local.Shop) error {
	return func(ctx context.Context, shop *local.Shop) error {
		var faults []error
		for other := range shop.EdgeURLs() {
			if other != region {
				faults = append(faults, shop.Lab(ctx, local.LabCommand{Do: local.LabCut, From: region, To: other}))
			}
		}
		return errors.Join(faults...)
	}
}

func restartDatabase(ctx context.Context, shop *local.Shop) error {
	if err := shop.KillDatabase(primaryRegion); err != nil {
		return err
	}
	return shop.StartDatabase(ctx, primaryRegion)
}
