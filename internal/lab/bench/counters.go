package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"meridian/internal/lab/client"
)

// retriesMetric counts transactions that were run again.
const retriesMetric = "meridian_database_retries_total"

// maxMetrics bounds a page of metrics that is read, in bytes.
const maxMetrics = 16 << 20

// retries returns how many transactions were run again so far, by reason, from the metrics of
// the shop's pods. Regions that share a process show the same series, which count once.
func retries(ctx context.Context, urls map[string]string) (map[string]float64, error) {
	series := make(map[string]float64)
	for _, name := range slices.Sorted(maps.Keys(urls)) {
		if err := scrape(ctx, urls[name], series); err != nil {
			return nil, fmt.Errorf("read the metrics of %s: %w", name, err)
		}
	}
	byReason := make(map[string]float64)
	for labels, value := range series {
		byReason[reasonOf(labels)] += value
	}
	return byReason, nil
}

// scrape reads one page's series of the counter, by their labels.
func scrape(ctx context.Context, url string, into map[string]float64) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return err
	}
	response, err := client.NewHTTP(1).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d", response.StatusCode)
	}
	lines := bufio.NewScanner(io.LimitReader(response.Body, maxMetrics))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		labels, value, ok := parseSeries(lines.Text(), retriesMetric)
		if ok {
			into[labels] = value
		}
	}
	return lines.Err()
}

// parseSeries parses a line of Prometheus' text format; ok is false for other metrics.
func parseSeries(line, metric string) (labels string, value float64, ok bool) {
	rest, ok := strings.CutPrefix(line, metric+"{")
	if !ok {
		return "", 0, false
	}
	end := strings.LastIndexByte(rest, '}')
	if end < 0 {
		return "", 0, false
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(rest[end+1:]), 64)
	return rest[:end], value, err == nil
}

var reasonLabel = regexp.MustCompile(`(?:^|,)reason="([^"]*)"`)

func reasonOf(labels string) string {
	if match := reasonLabel.FindStringSubmatch(labels); match != nil {
		return match[1]
	}
	return "unknown"
}

// grown returns by how much the counters that grew have grown.
func grown(before, after map[string]float64) map[string]float64 {
	growth := make(map[string]float64)
	for reason, value := range after {
		if d := value - before[reason]; d > 0 {
			growth[reason] = d
		}
	}
	return growth
}
