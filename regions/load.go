package regions

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed *.yaml
var shipped embed.FS

var loadShipped = sync.OnceValues(func() (*Set, error) { return Load(shipped) })

// Shipped returns the regions compiled into the binary. They are loaded once; every call gets the same Set.
func Shipped() (*Set, error) { return loadShipped() }

// Load reads every *.yaml file in the root of fsys as one region and checks them, each alone and all together. The
// error joins every fault found, each naming its file, its field and the remedy.
func Load(fsys fs.FS) (*Set, error) {
	files, err := readFiles(fsys)
	if err != nil {
		return nil, err
	}
	faults := checkEach(files)
	faults = append(faults, checkTogether(files)...)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	list := make([]Region, 0, len(files))
	for _, f := range files {
		list = append(list, f.region)
	}
	completeFailover(list)
	return newSet(list), nil
}

// A file is a region and the name of its file.
type file struct {
	name   string
	region Region
}

// readFiles decodes the region files in the order of their names. If one cannot be read it returns none, because
// checks of the others would report false faults.
func readFiles(fsys fs.FS) ([]file, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the region files: %w", err)
	}
	var (
		files  []file
		faults []error
	)
	for _, entry := range entries {
		name := entry.Name()
		switch path.Ext(name) {
		case ".yml":
			faults = append(faults, fmt.Errorf("%s: name it %s: region files end in .yaml", name, strings.TrimSuffix(name, ".yml")+".yaml"))
		case ".yaml":
			region, err := readRegion(fsys, name)
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", name, err))
				continue
			}
			files = append(files, file{name: name, region: region})
		}
	}
	if len(files) == 0 && len(faults) == 0 {
		return nil, errors.New("no region files: add at least one <name>.yaml")
	}
	return files, errors.Join(faults...)
}

// readRegion decodes one file. An unknown or repeated key is an error.
func readRegion(fsys fs.FS, name string) (Region, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return Region{}, fmt.Errorf("reading it: %w", err)
	}
	var region Region
	if err := yaml.UnmarshalWithOptions(text, &region, yaml.Strict()); err != nil {
		return Region{}, fmt.Errorf("decoding it (see regions/doc.go for the keys): %w", err)
	}
	return region, nil
}

// completeFailover appends to each list the regions it leaves out, the nearest first, so that a new region becomes a
// fallback without a change to the other files.
func completeFailover(list []Region) {
	for i, r := range list {
		missing := slices.DeleteFunc(slices.Clone(list), func(o Region) bool {
			return o.Name == r.Name || slices.Contains(r.Failover, o.Name)
		})
		slices.SortFunc(missing, func(a, b Region) int {
			return compareDistance(r, a, b)
		})
		completed := slices.Clone(r.Failover)
		for _, o := range missing {
			completed = append(completed, o.Name)
		}
		list[i].Failover = completed
	}
}
