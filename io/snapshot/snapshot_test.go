package snapshot

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// axis is n equally spaced coordinates.
func axis(name string, lo, hi float64, n int) Coord {
	c := Coord{Name: name, Units: "m", LongName: "coordinate " + name}
	for i := 0; i < n; i++ {
		c.Values = append(c.Values, lo+(hi-lo)*float64(i)/float64(n-1))
	}
	return c
}

// example gives every grid point a value that names it: 1000 i + 100 j + 10 k + l of its indices.
func example(coords ...Coord) *Snapshot {
	s := &Snapshot{Coords: coords}
	n := 1
	for _, c := range coords {
		n *= len(c.Values)
	}
	u := make([]float64, n)
	for i := range u {
		rest := i
		for a := len(coords) - 1; a >= 0; a-- {
			u[i] += math.Pow(10, float64(3-a)) * float64(rest%len(coords[a].Values))
			rest /= len(coords[a].Values)
		}
	}
	e := make([]float64, n)
	e[n-1] = math.NaN()
	s.Fields = []Field{{"u", "K", "temperature", u}, {"u_exact", "K", "exact temperature", append([]float64{}, u...)},
		{"residual_1", "1", "residual of equation 1", e}}
	s.History = []Series{{"step", "1", "step", []float64{0, 10, 20}}, {"time", "s", "training time", []float64{0, .5, 1}},
		{"loss", "1", "loss", []float64{3, 2, math.Pi}}, {"error_u", "1", "error of u", []float64{1, math.NaN(), .5}}}
	s.Attrs = []Attr{{Name: "config_toml", Value: "title = \"ψ\"\n[domain]\n"}, {Name: "seed", Value: uint64(7)}, {Name: "step", Value: int64(20)}, {Name: "title", Value: "an example"},
		{Name: "wall_seconds", Value: 1.25}}
	d := len(coords)
	s.Decomposition = &Decomposition{Level: []int32{0, 1, 1}, Owner: []int32{-1, 0, 1}, Centre: make([]float64, 3*d), Width: make([]float64, 3*d)}
	for i := range s.Decomposition.Centre {
		s.Decomposition.Centre[i] = float64(i)
		s.Decomposition.Width[i] = 2 + float64(i)
	}
	s.Linear = &Linear{Subdomain: []int32{0, 2}, Columns: []int32{16, 17}, Kept: []int32{3, 17}, Largest: []float64{4, 5}, Smallest: []float64{4e-10, .5},
		Factorisations: []Series{{"step", "1", "training step", []float64{1, 4}}, {"bytes", "B", "memory", []float64{1e6, 2e6}}},
		Step:           []int32{1, 1, 4}, Gradient: [][]float64{{1, .1, .01}, {3}, {2, .5}},
		Attrs: []Attr{{Name: "blas", Value: "some BLAS"}, {Name: "threads_per_rank", Value: int64(2)}}}
	return s
}

// same compares two snapshots bit for bit; NaN equals NaN.
func same(a, b *Snapshot) bool {
	bits := func(v []float64) []uint64 {
		out := make([]uint64, len(v))
		for i, x := range v {
			out[i] = math.Float64bits(x)
		}
		return out
	}
	if len(a.Fields) != len(b.Fields) || len(a.History) != len(b.History) {
		return false
	}
	for i, f := range a.Fields {
		g := b.Fields[i]
		if f.Name != g.Name || f.Units != g.Units || f.LongName != g.LongName || !reflect.DeepEqual(bits(f.Data), bits(g.Data)) {
			return false
		}
	}
	for i, h := range a.History {
		g := b.History[i]
		if h.Name != g.Name || h.Units != g.Units || h.LongName != g.LongName || !reflect.DeepEqual(bits(h.Values), bits(g.Values)) {
			return false
		}
	}
	return reflect.DeepEqual(a.Coords, b.Coords) && reflect.DeepEqual(a.Attrs, b.Attrs) && reflect.DeepEqual(a.Decomposition, b.Decomposition) &&
		reflect.DeepEqual(a.Removed, b.Removed) && reflect.DeepEqual(a.Linear, b.Linear)
}

func TestRoundTrip(t *testing.T) {
	x, y, z, w := axis("x", -1, 1, 5), axis("y", 0, 1, 4), axis("z", 0, 3, 3), axis("t", 0, 1, 2)
	for _, coords := range [][]Coord{{x}, {x, y}, {x, y, z}, {x, y, z, w}} {
		path := filepath.Join(t.TempDir(), "solution.h5")
		s := example(coords...)
		if d := len(coords); d > 1 {
			s.Removed = []Box{{Lo: s.Decomposition.Centre[:d], Hi: s.Decomposition.Width[:d]}, {Lo: s.Decomposition.Centre[d : 2*d], Hi: s.Decomposition.Width[d : 2*d]}}
		}
		if err := Write(path, s); err != nil {
			t.Fatal(err)
		}
		got, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if !same(s, got) {
			t.Errorf("%d coordinates: wrote\n%+v\nread\n%+v", len(coords), s, got)
		}
		_, err = os.Stat(strings.TrimSuffix(path, "h5") + "xdmf")
		if want := len(coords) <= 3; (err == nil) != want {
			t.Errorf("%d coordinates: side-car there: %v", len(coords), err == nil)
		}
	}
}

// A solver that stops before its first linear problem leaves neither blocks nor gradients.
func TestLinearWithoutSolves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "solution.h5")
	s := example(axis("x", 0, 1, 3))
	s.Linear = &Linear{Factorisations: s.Linear.Factorisations}
	if err := Write(path, s); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if !same(s, got) {
		t.Errorf("wrote %+v\nread %+v", s.Linear, got.Linear)
	}
	if v := got.Linear.Column("bytes"); !reflect.DeepEqual(v, []float64{1e6, 2e6}) || got.Linear.Column("none") != nil {
		t.Errorf("column: %v", v)
	}
}

func TestReverseIsATranspose(t *testing.T) {
	// v[i][j][k] = 100 i + 10 j + k goes to out[k][j][i].
	shape := []int{2, 3, 4}
	var v []float64
	for i := 0; i < 2; i++ {
		for j := 0; j < 3; j++ {
			for k := 0; k < 4; k++ {
				v = append(v, float64(100*i+10*j+k))
			}
		}
	}
	out := reverse(v, shape)
	for k := 0; k < 4; k++ {
		for j := 0; j < 3; j++ {
			for i := 0; i < 2; i++ {
				if got := out[(k*3+j)*2+i]; got != float64(100*i+10*j+k) {
					t.Fatalf("[%d][%d][%d]: %v", k, j, i, got)
				}
			}
		}
	}
	if !reflect.DeepEqual(reverse(out, reversed(shape)), v) {
		t.Error("twice is not the identity")
	}
}

func TestNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "solution.h5")
	s := example(axis("x", 0, 1, 3))
	if err := Write(path, s); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	s.Fields[0].Data[0] = 42
	if err := Write(path, s); !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), "--force") {
		t.Errorf("got %v", err)
	}
	if after, _ := os.ReadFile(path); string(before) != string(after) {
		t.Error("the refused file changed")
	}
	s.Overwrite = true
	if err := Write(path, s); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || got.Fields[0].Data[0] != 42 {
		t.Errorf("%v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestInfo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "solution.h5")
	if err := Write(path, example(axis("x", -1, 1, 5), axis("y", 0, 1, 4))); err != nil {
		t.Fatal(err)
	}
	text, err := Info(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"an example", "(2 lines)", "/u ", "4 x 5", "f64", "0 .. 4300", "[K]", "exact temperature", "(1 missing)",
		"/decomposition/owner", "i32"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if _, err := Info(filepath.Join(t.TempDir(), "absent.h5")); err == nil {
		t.Error("no error for a missing file")
	}
}

func TestReadRejectsOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.h5")
	if err := os.WriteFile(path, []byte("not HDF5"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

// A flipped bit never changes a number of a dataset unnoticed, and never crashes the reader: chunks and metadata carry
// checksums. (Texts of attributes lie in a heap without; that is one reason why checkpoints carry a digest.)
func TestFlippedBits(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "solution.h5")
	s := example(axis("x", -1, 1, 50), axis("y", 0, 1, 40))
	for i := range s.Fields[0].Data {
		s.Fields[0].Data[i] = math.Sin(float64(i * i)) // does not compress: most of the file is numbers
	}
	if err := Write(path, s); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const flips = 200
	detected := 0
	for i := 0; i < flips; i++ {
		at := i * len(raw) / flips // evenly over the file
		damaged := append([]byte{}, raw...)
		damaged[at] ^= 1 << (i % 8)
		bad := filepath.Join(dir, "bad.h5")
		if err := os.WriteFile(bad, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := Read(bad)
		if err != nil {
			detected++
			continue
		}
		// Set the texts aside.
		got.Attrs = s.Attrs
		for k := range got.Coords {
			got.Coords[k].Units, got.Coords[k].LongName = s.Coords[k].Units, s.Coords[k].LongName
		}
		for k := range got.Fields {
			got.Fields[k].Units, got.Fields[k].LongName = s.Fields[k].Units, s.Fields[k].LongName
		}
		for k := range got.History {
			got.History[k].Units, got.History[k].LongName = s.History[k].Units, s.History[k].LongName
		}
		got.Linear.Attrs = s.Linear.Attrs
		for k := range got.Linear.Factorisations {
			f := s.Linear.Factorisations[k]
			got.Linear.Factorisations[k].Units, got.Linear.Factorisations[k].LongName = f.Units, f.LongName
		}
		if !same(s, got) {
			t.Errorf("bit %d of byte %d changed a number unnoticed", i%8, at)
		}
	}
	// The incompressible field alone is 16 000 of about 37 000 bytes, the rest largely unused space.
	t.Logf("%d of %d flips in %d bytes detected", detected, flips, len(raw))
	if detected < flips/5 {
		t.Errorf("only %d of %d detected", detected, flips)
	}
}
