package h5

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"fbpinn-mpi/io/h5/h5test"
)

// sample writes one of everything and returns the path.
func sample(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.h5")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	f.SetAttr("/", "title", "Θ and ψ, \"quoted\"")
	f.SetAttr("/", "empty", "")
	f.SetAttr("/", "seed", uint64(math.MaxUint64))
	f.SetAttr("/", "dirty", true)
	f.SetAttr("/", "seconds", 1.5)
	f.SetAttr("/", "shape", []int{3, 4})
	f.SetASCII("/", "Type", "ImageData")
	f.Group("/g")
	f.Group("/g/h")
	Write(f, "/x", []float64{0, 1, 2})
	f.Scale("/x")
	Write(f, "/u", []float64{1, 2, 3, 4, 5, math.Inf(1)}, 2, 3)
	f.Attach("/u", "/x", 1)
	f.SetAttr("/u", "units", "m s-1")
	Write(f, "/g/small", []float32{1, float32(math.Pi)})
	Write(f, "/g/h/int", []int32{-7, 8})
	Write(f, "/g/none", []float64{}, 0, 3)
	big := make([]float64, 300*1000)
	for i := range big {
		big[i] = math.Sin(float64(i))
	}
	Write(f, "/big", big, 300, 1000)
	f.Link("/u", "/g/u")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRoundTrip(t *testing.T) {
	f, err := Open(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	u, dims, err := Read[float64](f, "/u")
	if err != nil || !reflect.DeepEqual(u, []float64{1, 2, 3, 4, 5, math.Inf(1)}) || !reflect.DeepEqual(dims, []int{2, 3}) {
		t.Errorf("u: %v %v %v", u, dims, err)
	}
	if w, _, err := Read[float64](f, "/g/u"); err != nil || !reflect.DeepEqual(u, w) {
		t.Errorf("hard link: %v %v", w, err)
	}
	// Widening is exact.
	if s, _, err := Read[float64](f, "/g/small"); err != nil || s[1] != float64(float32(math.Pi)) {
		t.Errorf("small: %v %v", s, err)
	}
	if i, _, err := Read[int32](f, "/g/h/int"); err != nil || i[0] != -7 {
		t.Errorf("int: %v %v", i, err)
	}
	if v, dims, err := Read[float64](f, "/g/none"); err != nil || len(v) != 0 || !reflect.DeepEqual(dims, []int{0, 3}) {
		t.Errorf("empty: %v %v %v", v, dims, err)
	}
	if v, _, err := Read[float64](f, "/big"); err != nil || v[299999] != math.Sin(299999) {
		t.Errorf("big: %v", err)
	}
	attrs, err := f.Attrs("/")
	if err != nil {
		t.Fatal(err)
	}
	want := []Attr{{"Type", "ImageData"}, {"dirty", int64(1)}, {"empty", ""}, {"seconds", 1.5}, {"seed", uint64(math.MaxUint64)},
		{"shape", []int64{3, 4}}, {"title", "Θ and ψ, \"quoted\""}}
	if !reflect.DeepEqual(attrs, want) {
		t.Errorf("attributes:\n%v\n%v", attrs, want)
	}
	groups, sets, err := f.Walk()
	if err != nil || !reflect.DeepEqual(groups, []string{"/g", "/g/h"}) || len(sets) != 7 {
		t.Errorf("walk: %v %v %v", groups, sets, err)
	}
	if !f.Has("/u") || f.Has("/v") {
		t.Error("Has is wrong")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestReadRefusesOtherTypes(t *testing.T) {
	path := sample(t)
	for name, read := range map[string]func(*File) error{
		"narrower": func(f *File) error { _, _, err := Read[float32](f, "/u"); return err },
		"kind":     func(f *File) error { _, _, err := Read[int64](f, "/u"); return err },
		"sign":     func(f *File) error { _, _, err := Read[uint64](f, "/g/h/int"); return err },
		"missing":  func(f *File) error { _, _, err := Read[float64](f, "/nothing"); return err },
		"group":    func(f *File) error { _, _, err := Read[float64](f, "/g"); return err },
	} {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := read(f); err == nil {
			t.Errorf("%s: read", name)
		} else if f.Close() == nil {
			t.Errorf("%s: the error was forgotten", name)
		}
	}
}

func TestErrorsCarryTheCause(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "absent.h5"))
	if err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("open of a missing file: %v", err)
	}
	path := sample(t)
	if _, err := Create(path); err == nil || !strings.Contains(err.Error(), "exist") {
		t.Errorf("create over a file: %v", err)
	}
}

func TestErrorsAreSticky(t *testing.T) {
	f, err := Create(filepath.Join(t.TempDir(), "a.h5"))
	if err != nil {
		t.Fatal(err)
	}
	first := Write(f, "/no/group", []float64{1})
	if first == nil {
		t.Fatal("written into a group that does not exist")
	}
	if err := Write(f, "/fine", []float64{1}); err != first {
		t.Errorf("second call: %v", err)
	}
	if err := f.Close(); err != first {
		t.Errorf("close: %v", err)
	}
	if _, err := os.Stat(f.Path()); !os.IsNotExist(err) {
		t.Errorf("a file with an error is there: %v", err)
	}
	// The failure must not spill over to other files.
	TestRoundTrip(t)
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.h5")
	if err := os.WriteFile(Temporary(path), []byte("left by a killed process"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, func(f *File) error { return Write(f, "/x", []float64{1}) }); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	boom := errors.New("boom")
	if err := Replace(path, func(f *File) error { Write(f, "/y", []float64{2}); return boom }); err != boom {
		t.Errorf("got %v", err)
	}
	after, _ := os.ReadFile(path)
	entries, _ := os.ReadDir(dir)
	if string(before) != string(after) || len(entries) != 1 {
		t.Errorf("a failed replacement left traces: %v", entries)
	}
}

// A read that fails on damaged data must not keep the file open: the library would hand the same open file, old content
// included, to the next one who opens the path.
func TestDamagedFileIsLetGo(t *testing.T) {
	path := sample(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for at := 0; at < len(good); at += len(good) / 60 {
		bad := append([]byte{}, good...)
		for i := at; i < min(at+64, len(bad)); i++ {
			bad[i] ^= 0xff
		}
		for _, content := range [][]byte{bad, good} { // the same inode both times
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
			f, err := Open(path)
			if err == nil {
				_, _, err = Read[float64](f, "/big")
				if cerr := f.Close(); err == nil {
					err = cerr
				}
			}
			switch {
			case &content[0] == &good[0] && err != nil:
				t.Fatalf("the good file after damage at %d: %v", at, err)
			case &content[0] == &bad[0] && err != nil:
				failed++
			}
			if held(t, path) {
				t.Fatalf("damage at %d: the file is still open after %v", at, err)
			}
		}
	}
	if failed < 10 {
		t.Errorf("only %d damaged files failed", failed)
	}
}

// held reports whether this process has the file open.
func held(t *testing.T, path string) bool {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("SKIP: no /proc/self/fd to look at")
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && to == path {
			return true
		}
	}
	return false
}

// A full disk must show as an error, and never under the final name.
func TestDiskFull(t *testing.T) {
	dir := h5test.Disk(t, "256k")
	v := make([]float64, 1<<17) // 1 MiB into 256 KiB
	for i := range v {
		v[i] = math.Sin(float64(i * i))
	}
	err := Replace(filepath.Join(dir, "a.h5"), func(f *File) error { return Write(f, "/v", v) })
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	if err := Replace(filepath.Join(dir, "a.h5"), func(f *File) error { return Write(f, "/v", v[:1000]) }); err != nil {
		t.Errorf("after the failure: %v", err)
	}
}

func TestChunk(t *testing.T) {
	f, err := Open(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if d, err := f.Dataset("/big"); err != nil || d.Bytes != 8 || d.Kind != Float {
		t.Errorf("%v %v", d, err)
	}
	if got := chunk([]cdim{300, 1000}, 8); got[0] != 75 || got[1] != 1000 {
		t.Errorf("chunk of 300 x 1000: %v", got)
	}
	if got := chunk([]cdim{1, 1 << 20}, 8); got[0] != 1 || got[1] != 1<<17 {
		t.Errorf("chunk of 1 x 2^20: %v", got)
	}
}
