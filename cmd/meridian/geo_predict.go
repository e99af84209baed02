package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/api"
	"meridian/internal/lab/predict"
	"meridian/internal/lab/report"
	"meridian/internal/local"
	"meridian/regions"
)

// predictFlags say what is predicted, and how it is printed.
type predictFlags struct {
	from, operations []string
	survival         string
	maxOffset        time.Duration
	all, asJSON      bool
	measure          bool
	dir              string
	pods             []string
	repeat           int
}

func newGeoPredictCommand() *cobra.Command {
	var f predictFlags
	command := &cobra.Command{
		Use:   "predict",
		Short: "Compute what each operation takes a shopper, from the distances between regions",
		Long: `Computes how long a call takes a shopper in each region, from the operation's round trips to the
database, its statements and the distances between the regions: on CockroachDB under ZONE and REGION
survival, for rows whose home is near and far, and with all of the shop in the primary region.

Without --all or --operation it prints a purchase, from browsing to the order. A place (--from) is a
region, whose shopper is next to it, or a country such as DE, or US-East, US-Central, US-South, US-West.

--measure compares what one PostgreSQL can show of it: it buys in the shop that 'meridian up --wan' has
open, at each region's pod, and prints the medians beside the round trips times the distance to the
primary region. What a call takes there, next to the database, is the CPU's part and is taken off.
It exits 1 if one is off by more than a quarter, and 5 ms.`,
		Example: `  meridian geo predict
  meridian geo predict --from eu-west --survival region
  meridian geo predict --from BR --from US-West --operation getProduct --operation placeOrder
  meridian geo predict --all --json
  meridian up --wan                        # in another terminal
  meridian geo predict --measure`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	flags := command.Flags()
	flags.StringArrayVar(&f.from, "from", nil, "place of the shopper; may be repeated (default every region)")
	flags.StringArrayVar(&f.operations, "operation", nil, "operation, by its operationId; may be repeated")
	flags.StringVar(&f.survival, "survival", "", "survival goal: zone or region (default both)")
	flags.DurationVar(&f.maxOffset, "max-offset", predict.DefaultMaxOffset,
		"the CockroachDB cluster's --max-offset, by which writes to GLOBAL tables wait")
	flags.BoolVar(&f.all, "all", false, "print every operation")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON array")
	flags.BoolVar(&f.measure, "measure", false, "measure in an open shop instead")
	flags.StringVar(&f.dir, "dir", local.DefaultDir, "folder of the shop that 'meridian up --wan' has open, for --measure")
	flags.StringArrayVar(&f.pods, "pod", nil, "pod to measure at, as region=URL, one of each region, instead of --dir")
	flags.IntVar(&f.repeat, "repeat", 9, "purchases to measure in each region, 1 to 1000")
	return command
}

// run prints what the flags ask for.
func (f *predictFlags) run(c *cobra.Command) error {
	model, operations, err := f.model()
	if err != nil {
		return err
	}
	if f.measure {
		return f.runMeasure(c, model, operations)
	}
	if operations, err = f.choose(operations); err != nil {
		return usageError{err}
	}
	places, err := f.places(model.World)
	if err != nil {
		return usageError{fmt.Errorf("--from: %w", err)}
	}
	survivals, err := f.survivals()
	if err != nil {
		return usageError{err}
	}
	rows := model.Rows(operations, places)
	if f.asJSON {
		return report.WriteJSON(c.OutOrStdout(), rows)
	}
	return model.Print(c.OutOrStdout(), rows, survivals)
}

// model returns what predictions are computed from, and every operation. It refuses flags that exclude each other.
func (f *predictFlags) model() (predict.Model, []predict.Operation, error) {
	if err := f.check(); err != nil {
		return predict.Model{}, nil, usageError{err}
	}
	set, err := regions.Shipped()
	if err != nil {
		return predict.Model{}, nil, err
	}
	world, err := predict.NewWorld(set)
	if err != nil {
		return predict.Model{}, nil, err
	}
	document, err := api.Document()
	if err != nil {
		return predict.Model{}, nil, err
	}
	operations, err := predict.Operations(document)
	return predict.Model{World: world, MaxOffset: f.maxOffset}, operations, err
}

// maxMaxOffset is more than any cluster's clocks are apart.
const maxMaxOffset = 10 * time.Second

// check reports every fault of the flags that their values alone tell.
func (f *predictFlags) check() error {
	var faults []error
	if f.maxOffset < 0 || f.maxOffset > maxMaxOffset {
		faults = append(faults, fmt.Errorf("--max-offset %s: use 0s to %s", f.maxOffset, maxMaxOffset))
	}
	if f.repeat < 1 || f.repeat > 1000 {
		faults = append(faults, fmt.Errorf("--repeat %d: use 1 to 1000", f.repeat))
	}
	if f.all && len(f.operations) > 0 {
		faults = append(faults, errors.New("--all and --operation: use one of them"))
	}
	if f.measure && (f.all || len(f.operations)+len(f.from) > 0 || f.survival != "") {
		faults = append(faults, errors.New("--measure buys in every region: leave --all, --operation, --from and --survival out"))
	}
	if !f.measure && len(f.pods) > 0 {
		faults = append(faults, errors.New("--pod is for --measure: add that"))
	}
	return errors.Join(faults...)
}

// choose returns the operations to print: all, those that are named, or a purchase.
func (f *predictFlags) choose(all []predict.Operation) ([]predict.Operation, error) {
	if f.all {
		return all, nil
	}
	names := f.operations
	if len(names) == 0 {
		for _, step := range predict.Journey {
			names = append(names, step.Operation)
		}
	}
	var chosen []predict.Operation
	var known []string
	for _, o := range all {
		known = append(known, o.ID)
	}
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			slices.Sort(known)
			return nil, fmt.Errorf("--operation: there is no %q: use one of %s", name, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// places returns the shoppers that are named, or one next to each region.
func (f *predictFlags) places(world *predict.World) ([]predict.Shopper, error) {
	names := f.from
	if len(names) == 0 {
		names = world.Names()
	}
	var places []predict.Shopper
	for _, name := range names {
		place, err := world.Shopper(name)
		if err != nil {
			return nil, err
		}
		places = append(places, place)
	}
	return places, nil
}

func (f *predictFlags) survivals() ([]predict.Survival, error) {
	chosen := predict.Survival(f.survival)
	switch {
	case f.survival == "":
		return predict.Survivals, nil
	case slices.Contains(predict.Survivals, chosen):
		return []predict.Survival{chosen}, nil
	}
	return nil, fmt.Errorf("--survival %q: use zone or region", f.survival)
}

// runMeasure compares the predictions with an open shop. It fails if one is off.
func (f *predictFlags) runMeasure(c *cobra.Command, model predict.Model, operations []predict.Operation) error {
	pods, err := f.openPods(model.World)
	if err != nil {
		return err
	}
	found, err := model.Measure(c.Context(), pods, operations, f.repeat)
	if err != nil {
		return err
	}
	if f.asJSON {
		err = report.WriteJSON(c.OutOrStdout(), found)
	} else {
		err = predict.PrintMeasured(c.OutOrStdout(), found)
	}
	if err != nil {
		return err
	}
	off := slices.DeleteFunc(slices.Clone(found), func(m predict.Measurement) bool { return !m.Off })
	if len(off) > 0 {
		return fmt.Errorf("%d of %d medians are not what was predicted", len(off), len(found))
	}
	return nil
}

// openPods returns the URL of each region's pod.
func (f *predictFlags) openPods(world *predict.World) (map[string]string, error) {
	if len(f.pods) == 0 {
		shop, err := local.Opened(f.dir)
		if errors.Is(err, local.ErrClosed) {
			return nil, usageError{fmt.Errorf("%w: open it with meridian up --wan, or name its folder with --dir", err)}
		}
		return shop.RegionURLs, err
	}
	pods, err := byRegion(f.pods)
	if err != nil {
		return nil, usageError{fmt.Errorf("--pod %w=URL", err)}
	}
	for region := range pods {
		if !slices.Contains(world.Names(), region) {
			return nil, usageError{fmt.Errorf("--pod: there is no region %q: use %s", region, strings.Join(world.Names(), ", "))}
		}
	}
	for _, region := range world.Names() {
		if pods[region] == "" {
			return nil, usageError{fmt.Errorf("--pod %s=URL is missing: name a pod of each region", region)}
		}
	}
	return pods, nil
}
