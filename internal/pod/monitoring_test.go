package pod

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"meridian/internal/testkit"
)

// monitoringDir holds what Kubernetes is given for Prometheus and Grafana.
const monitoringDir = "../../k8s/base/monitoring"

// six are the metrics that operators alert on: the record of each, its target and its threshold, and the histogram
// that must have both among its bounds.
var six = []struct {
	alert, record     string
	target, threshold float64
	histogram         string
}{
	{"MeridianAPISlow", "region:meridian_api_response_seconds:p95", 0.2, 0.5, "http_server_request_duration_seconds"},
	{"MeridianDatabaseSlow", "region:meridian_database_statement_seconds:p95", 0.05, 0.1, "db_client_operation_duration_seconds"},
	{"MeridianSearchSlow", "region:meridian_search_seconds:p95", 0.1, 0.3, "meridian_search_duration_seconds"},
	{"MeridianCacheMisses", "region:meridian_catalog_cache_hits:ratio", 0.9, 0.8, ""},
	{"MeridianInventoryInaccurate", "region:meridian_inventory_accuracy:ratio", 0.999, 0.99, ""},
	{"MeridianOrdersSlow", "region:meridian_order_processing_seconds:p95", 30, 60, "meridian_order_processing_duration_seconds"},
}

// others are metrics of other programs than the shop's.
var others = []string{"up", "kube_pod_status_ready"}

type rulesFile struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name   string
		Labels map[string]string
	}
	Spec struct {
		Groups []struct {
			Name     string
			Interval string
			Rules    []rule
		}
	}
}

type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

func readRules(t *testing.T) (records, alerts []rule) {
	t.Helper()
	text := testkit.Must(os.ReadFile(filepath.Join(monitoringDir, "rules.yaml")))(t)
	var file rulesFile
	testkit.NoError(t, yaml.UnmarshalWithOptions(text, &file, yaml.Strict()))
	if file.APIVersion != "monitoring.coreos.com/v1" || file.Kind != "PrometheusRule" || file.Metadata.Name == "" {
		t.Errorf("the file is a %s %s", file.APIVersion, file.Kind)
	}
	for _, group := range file.Spec.Groups {
		for _, r := range group.Rules {
			switch {
			case r.Record != "" && r.Alert == "":
				records = append(records, r)
			case r.Alert != "" && r.Record == "":
				alerts = append(alerts, r)
			default:
				t.Errorf("group %s: a rule is neither record nor alert: %+v", group.Name, r)
			}
		}
	}
	return records, alerts
}

func parse(t *testing.T, where, expr string) parser.Expr {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v\n%s", where, err, expr)
	}
	return parsed
}

// TestAlerts: each of the six has a warning at its target and a critical alert at its threshold, and every alert says
// where, how bad, and what to do.
func TestAlerts(t *testing.T) {
	_, alerts := readRules(t)
	byName := make(map[string]rule)
	for _, a := range alerts {
		if _, twice := byName[a.Alert]; twice {
			t.Errorf("%s is there twice", a.Alert)
		}
		byName[a.Alert] = a
		checkAlert(t, a)
	}
	for _, metric := range six {
		for suffix, want := range map[string]float64{"": metric.target, "Critical": metric.threshold} {
			a := byName[metric.alert+suffix]
			severity := map[string]string{"": "warning", "Critical": "critical"}[suffix]
			if got, over := limitOf(t, a); got != want || over != metric.record || a.Labels["severity"] != severity {
				t.Errorf("%s%s compares %s with %v and is %q; want %s with %v, %s",
					metric.alert, suffix, over, got, a.Labels["severity"], metric.record, want, severity)
			}
		}
	}
}

func checkAlert(t *testing.T, a rule) {
	t.Helper()
	if wait, err := model.ParseDuration(a.For); err != nil || time.Duration(wait) <= 0 {
		t.Errorf("%s waits for %q", a.Alert, a.For)
	}
	if s := a.Labels["severity"]; s != "warning" && s != "critical" {
		t.Errorf("%s has the severity %q", a.Alert, s)
	}
	perProcess := slices.Contains([]string{"MeridianPodNotReady", "MeridianPodUnseen"}, a.Alert)
	if !perProcess && a.Labels["region"] == "" && !strings.Contains(a.Expr, "region:") && !strings.Contains(a.Expr, "by (region") {
		t.Errorf("%s does not say in which region", a.Alert)
	}
	for _, name := range []string{"summary", "description", "runbook"} {
		text := a.Annotations[name]
		_, err := template.New(name).Funcs(template.FuncMap{"humanizeDuration": fmt.Sprint, "humanizePercentage": fmt.Sprint}).
			Parse(`{{$labels := .}}{{$value := .}}` + text)
		if err != nil || len(text) < 20 {
			t.Errorf("%s: %s is %q: %v", a.Alert, name, text, err)
		}
	}
}

// limitOf is the number that an alert compares a record with, and the record.
func limitOf(t *testing.T, a rule) (limit float64, record string) {
	t.Helper()
	parser.Inspect(parse(t, a.Alert, a.Expr), func(node parser.Node, _ []parser.Node) error {
		comparison, ok := node.(*parser.BinaryExpr)
		if !ok || record != "" {
			return nil
		}
		selector, isSelector := comparison.LHS.(*parser.VectorSelector)
		number, isNumber := comparison.RHS.(*parser.NumberLiteral)
		if isSelector && isNumber {
			limit, record = number.Val, selector.Name
		}
		return nil
	})
	return limit, record
}

// seriesByName are what pages of metrics hold.
type seriesByName map[string][]labels.Labels

func readPages(t *testing.T, pages []string) seriesByName {
	t.Helper()
	all := make(seriesByName)
	for _, page := range pages {
		textParser := expfmt.NewTextParser(model.UTF8Validation)
		testkit.Must(textParser.TextToMetricFamilies(strings.NewReader(page)))(t)
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			metric, err := parser.NewParser(parser.Options{}).ParseMetric(line[:strings.LastIndex(strings.TrimSpace(line), " ")])
			if err != nil {
				t.Fatal(err)
			}
			name := metric.Get("__name__")
			all[name] = append(all[name], metric)
		}
	}
	return all
}

// has reports whether some series of a metric has the label.
func (s seriesByName) has(metric, label string) bool {
	return slices.ContainsFunc(s[metric], func(l labels.Labels) bool { return l.Has(label) })
}

// TestMonitoring: everything that the rules and the dashboard ask for is what a shop at work reports, by those names
// and labels.
func TestMonitoring(t *testing.T) {
	s := newWatchedShop(t)
	s.shopAsCustomer()
	s.shopAsGuest()
	s.watch()
	s.breakDown()
	reported := readPages(t, s.pages())
	records, alerts := readRules(t)
	recorded := make(map[string]bool)
	for _, r := range records {
		recorded[r.Record] = true
	}
	check := func(where, expr string) {
		parser.Inspect(parse(t, where, expr), func(node parser.Node, _ []parser.Node) error {
			if selector, ok := node.(*parser.VectorSelector); ok && !recorded[selector.Name] && !slices.Contains(others, selector.Name) {
				reported.check(t, where, selector)
			}
			return nil
		})
		reported.checkGrouping(t, where, parse(t, where, expr))
	}
	for _, r := range records {
		check(r.Record, r.Expr)
	}
	for _, r := range alerts {
		check(r.Alert, r.Expr)
	}
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			check("panel "+p.Title, bare(target.Expr))
		}
	}
	for _, metric := range six {
		for _, bound := range []float64{metric.target, metric.threshold} {
			le := strconv.FormatFloat(bound, 'f', -1, 64)
			buckets := metric.histogram + "_bucket"
			if metric.histogram != "" &&
				!slices.ContainsFunc(reported[buckets], func(l labels.Labels) bool { return l.Get("le") == le }) {
				t.Errorf("%s has no bound %s", metric.histogram, le)
			}
		}
	}
}

// check fails the test unless a selector can select something of what is reported.
func (s seriesByName) check(t *testing.T, where string, selector *parser.VectorSelector) {
	t.Helper()
	if len(s[selector.Name]) == 0 {
		t.Errorf("%s: nothing reports %s", where, selector.Name)
		return
	}
	for _, m := range selector.LabelMatchers {
		if !s.has(selector.Name, m.Name) {
			t.Errorf("%s: %s has no label %s", where, selector.Name, m.Name)
		}
		if m.Type == labels.MatchEqual && !slices.ContainsFunc(s[selector.Name], func(l labels.Labels) bool { return m.Matches(l.Get(m.Name)) }) {
			t.Errorf("%s: no %s has %s", where, selector.Name, m)
		}
	}
}

// checkGrouping fails the test where an aggregation keeps a label that none of the metrics in it has.
func (s seriesByName) checkGrouping(t *testing.T, where string, expr parser.Expr) {
	t.Helper()
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		aggregation, ok := node.(*parser.AggregateExpr)
		if !ok {
			return nil
		}
		for _, label := range aggregation.Grouping {
			known := false
			parser.Inspect(aggregation.Expr, func(inner parser.Node, _ []parser.Node) error {
				if selector, ok := inner.(*parser.VectorSelector); ok {
					known = known || s.has(selector.Name, label) || slices.Contains(others, selector.Name)
				}
				return nil
			})
			if !known {
				t.Errorf("%s: nothing in %s has the label %s", where, aggregation.Expr, label)
			}
		}
		return nil
	})
}

type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name, Type string }
	}
	Panels []panel
}

type panel struct {
	ID         int
	Title      string
	Type       string
	Datasource struct{ Type, UID string }
	GridPos    struct{ H, W, X, Y int }
	Targets    []struct {
		Expr, RefID string
		Datasource  struct{ UID string }
	}
	FieldConfig struct {
		Defaults struct {
			Thresholds struct {
				Steps []struct {
					Color string
					Value *float64
				}
			}
		}
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text := testkit.Must(os.ReadFile(filepath.Join(monitoringDir, "dashboard.json")))(t)
	var d dashboard
	testkit.NoError(t, json.Unmarshal(text, &d))
	return d
}

// bare is an expression of the dashboard as Grafana sends it.
func bare(expr string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$region", ".*").Replace(expr)
}

// TestDashboard: the six come first, coloured by their targets and thresholds; every panel has its place, and asks the
// data source that was chosen.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 36 {
		t.Errorf("uid %q, title %q, schema version %d", d.UID, d.Title, d.SchemaVersion)
	}
	if v := d.Templating.List; len(v) != 2 || v[0].Name != "datasource" || v[0].Type != "datasource" || v[1].Name != "region" {
		t.Errorf("the variables are %v", v)
	}
	for i, metric := range six {
		p := d.Panels[i+1] // after the row's title
		steps := p.FieldConfig.Defaults.Thresholds.Steps
		if p.Type != "stat" || len(steps) != 3 || !strings.HasPrefix(p.Targets[0].Expr, metric.record) {
			t.Fatalf("panel %q is a %s of %q", p.Title, p.Type, p.Targets[0].Expr)
		}
		limits := []float64{*steps[1].Value, *steps[2].Value}
		want := []float64{min(metric.target, metric.threshold), max(metric.target, metric.threshold)}
		if !slices.Equal(limits, want) || (steps[0].Color == "green") != (metric.target < metric.threshold) {
			t.Errorf("panel %q changes its colour from %s at %v, want %v", p.Title, steps[0].Color, limits, want)
		}
	}
	taken := make(map[[2]int]string)
	ids := make(map[int]bool)
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("panel %q: the id %d is there twice", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q has no place of its own: %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %q asks %q for %d things", p.Title, p.Datasource.UID, len(p.Targets))
		}
	}
}

// TestKustomization: what it names is there.
func TestKustomization(t *testing.T) {
	text := testkit.Must(os.ReadFile(filepath.Join(monitoringDir, "kustomization.yaml")))(t)
	var k struct {
		Kind               string
		Resources          []string
		ConfigMapGenerator []struct{ Files []string } `yaml:"configMapGenerator"`
	}
	testkit.NoError(t, yaml.Unmarshal(text, &k))
	files := slices.Clone(k.Resources)
	for _, generator := range k.ConfigMapGenerator {
		for _, file := range generator.Files {
			_, from, _ := strings.Cut(file, "=")
			files = append(files, from)
		}
	}
	if k.Kind != "Kustomization" || !slices.Equal(files, []string{"rules.yaml", "dashboard.json"}) {
		t.Errorf("a %s of %v", k.Kind, files)
	}
	for _, file := range files {
		if _, err := os.Stat(filepath.Join(monitoringDir, file)); err != nil {
			t.Error(err)
		}
	}
}
