package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fbpinn-mpi/io/snapshot"
)

const places = "testdata/places.toml"

// TestCheckOfPlaces: check tells where graded and listed subdomains are, which points lie in cells, and what was removed.
func TestCheckOfPlaces(t *testing.T) {
	const golden = "testdata/places.check.txt"
	got := kernelNames.ReplaceAllString(must(t, 0, 0, "check", places).stdout, "${1}KERNEL")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, golden); got != want {
		t.Errorf("check says\n%s\nwant\n%s", got, want)
	}
}

// TestRemovedInFiles: the grid of the file stays whole, with NaN where the domain was cut, and the errors leave these out.
func TestRemovedInFiles(t *testing.T) {
	dir := t.TempDir()
	must(t, 0, 2, "run", places, "--out", dir)
	s, err := snapshot.Read(filepath.Join(dir, "solution.h5"))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Removed) != 1 || s.Removed[0].Lo[0] != 0 || s.Removed[0].Lo[1] != 0.5 || s.Removed[0].Hi[0] != 1 || s.Removed[0].Hi[1] != 1 {
		t.Errorf("removed boxes %v", s.Removed)
	}
	for _, f := range s.Fields {
		for i, v := range f.Data {
			x, y := s.Coords[0].Values[i/11], s.Coords[1].Values[i%11]
			if gone := x > 0.01 && y > 0.51; math.IsNaN(v) != gone {
				t.Fatalf("%s is %v at (%g, %g)", f.Name, v, x, y)
			}
		}
	}
	u, exact := s.Field("u").Data, s.Field("u_exact").Data
	n, off, mean, squares := 0.0, 0.0, 0.0, 0.0
	for i := range u {
		if !math.IsNaN(u[i]) {
			n++
			off += math.Abs(u[i] - exact[i])
			mean += exact[i]
			squares += exact[i] * exact[i]
		}
	}
	mean /= n
	log := history(t, dir)
	const rounding = 1e-12 // sums of 200 numbers in another order
	near(t, "error in the log", log[len(log)-1].Errors["u"], off/n/math.Sqrt(squares/n-mean*mean), rounding)
	if n != 21*11-10*5 {
		t.Errorf("%g points have values", n)
	}
}

// TestBadPlaces: what does not fit together is said before anything starts.
func TestBadPlaces(t *testing.T) {
	good := read(t, places)
	for _, c := range []struct{ old, new, says string }{
		{"y = [0.5, 1] }]", "y = [0.5, 2] }]", "y = [0.5, 2] lies outside the domain"},
		{"overlap = 1.6", "overlap = 1.3", "level 2: no subdomain holds point 126, (x, y) = (0.1"},
		{"x = [0, 1], y = [0.5, 1] }]", "x = [-0.5, 0.5], y = [0.2, 0.8] }]", "all points of the test grid"},
		{"towards = 0", "towards = 3", "graded towards 3, outside [-1, 1]"},
		{"levels  = [1, [6, 4]]\ngraded  = { x = { towards = 0, factor = 2 } }\ncentres = { y = [0, 0.3, 0.6, 1] }\noverlap = 1.6",
			"subdomains = [{ centre = [0, 0.5], width = [4, 4] }]", "sampler cells needs subdomains on a grid"},
	} {
		if !strings.Contains(good, c.old) {
			t.Fatalf("the job does not hold %q", c.old)
		}
		text := strings.Replace(good, c.old, c.new, 1)
		path := filepath.Join(t.TempDir(), "job.toml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"check", path}
		if strings.Contains(c.says, "test grid") {
			args = append(args, "--set", "points.test=[1, 1]")
		}
		o := must(t, exitInput, 0, args...)
		o.says(t, false, c.says)
		if t.Failed() {
			t.Log(o)
		}
	}
}
