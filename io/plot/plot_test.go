package plot

import (
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"fbpinn-mpi/io/snapshot"
)

// linspace is n equally spaced coordinates.
func linspace(name string, lo, hi float64, n int) snapshot.Coord {
	c := snapshot.Coord{Name: name, Units: "1"}
	for i := 0; i < n; i++ {
		c.Values = append(c.Values, lo+(hi-lo)*float64(i)/float64(n-1))
	}
	return c
}

// example is a run over the given coordinates: a travelling front, an error around it, a decaying history, and levels of
// 1, 2, 4, ... subdomains an axis.
func example(levels int, coords ...snapshot.Coord) *snapshot.Snapshot {
	s := &snapshot.Snapshot{Coords: coords, Decomposition: &snapshot.Decomposition{}}
	d := len(coords)
	n := 1
	for _, c := range coords {
		n *= len(c.Values)
	}
	u, exact := make([]float64, n), make([]float64, n)
	at := make([]int, d)
	for i := range u {
		r := 0.0
		for a, c := range coords {
			x := c.Values[at[a]]
			r += float64(1+a) * x
			for b := 0; b < a; b++ {
				r += 0.6 * x * coords[b].Values[at[b]]
			}
		}
		exact[i] = math.Sin(2*r) + 0.4*math.Tanh(6*r-4)
		u[i] = exact[i] + 2e-4*math.Sin(9*r)*math.Exp(-r*r)
		for a := d - 1; a >= 0; a-- {
			if at[a]++; at[a] < len(coords[a].Values) {
				break
			}
			at[a] = 0
		}
	}
	s.Fields = []snapshot.Field{{Name: "u", Units: "m s-1", Data: u}, {Name: "u_exact", Data: exact}, {Name: "residual_1", Data: u}}
	names := []string{"step", "time", "loss", "loss_pde", "loss_bc", "error_u"}
	for _, name := range names {
		h := snapshot.Series{Name: name}
		for k := 0; k <= 200; k++ {
			t := float64(k)
			v := map[string]float64{"step": 100 * t, "time": 0.4 * t, "loss": 30*math.Exp(-t/20) + 2e-4, "loss_pde": 20*math.Exp(-t/15) + 1e-4,
				"loss_bc": 10*math.Exp(-t/20) + 1e-4, "error_u": math.Exp(-t/40) + 0.02}[name]
			if name == "error_u" && k%5 != 0 {
				v = math.NaN()
			}
			h.Values = append(h.Values, v*(1+0.2*math.Sin(7*t)*map[bool]float64{true: 1}[k > 0 && name != "step" && name != "time"]))
		}
		s.History = append(s.History, h)
	}
	for l := 0; l < levels; l++ {
		m := 1 << l
		total := int(math.Pow(float64(m), float64(min(d, 2))))
		for j := 0; j < total; j++ {
			owner := int32(4 * j / total)
			if total < 16 {
				owner = -1
			}
			s.Decomposition.Level = append(s.Decomposition.Level, int32(l))
			s.Decomposition.Owner = append(s.Decomposition.Owner, owner)
			for a, c := range coords {
				lo, hi := ends(c.Values)
				h, k := (hi-lo)/float64(m), j%m
				if a == 1 {
					k = j / m
				}
				if a > 1 {
					h, k = hi-lo, 0
				}
				s.Decomposition.Centre = append(s.Decomposition.Centre, lo+h*(float64(k)+0.5))
				s.Decomposition.Width = append(s.Decomposition.Width, 1.9*h)
			}
		}
	}
	return s
}

// TestPictures draws every kind of picture and checks that it is a PNG with many colours: neither blank nor one flat area.
// With FBPINN_PICTURES set to a folder they stay there to be looked at.
func TestPictures(t *testing.T) {
	x, y, z, tt := linspace("x", -1, 1, 60), linspace("y", 0, 2, 40), linspace("z", 0, 1, 20), linspace("t", 0, 1, 21)
	many := linspace("x", 0, 1, 1000)
	cases := []struct {
		name     string
		s        *snapshot.Snapshot
		pictures int
	}{
		{"1d", example(5, many), 3},
		{"2d", example(4, x, tt), 3},
		{"4096", example(7, x, y), 3},
		{"3d", example(3, linspace("x", -1, 1, 24), linspace("y", -1, 1, 24), z), 3},
		{"3dt", example(3, x, y, tt), 3},
		{"4d", example(2, linspace("x", -1, 1, 16), linspace("y", -1, 1, 16), linspace("z", -1, 1, 16), linspace("t", 0, 1, 5)), 3},
	}
	without := example(2, x, y)
	without.Fields = without.Fields[:1]
	without.Fields[0].Data[77] = math.NaN()
	without.History, without.Decomposition = nil, nil
	cases = append(cases, struct {
		name     string
		s        *snapshot.Snapshot
		pictures int
	}{"bare", without, 1})
	cut := example(4, x, y)
	cut.Removed = []snapshot.Box{{Lo: []float64{0.5, 0.5}, Hi: []float64{1, 1}}}
	for i := range cut.Fields[0].Data {
		if n := len(y.Values); x.Values[i/n] > 0.5 && y.Values[i%n] > 0.5 {
			for k := range cut.Fields {
				cut.Fields[k].Data[i] = math.NaN()
			}
		}
	}
	cases = append(cases, struct {
		name     string
		s        *snapshot.Snapshot
		pictures int
	}{"cut", cut, 3})
	keep := os.Getenv("FBPINN_PICTURES")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if keep != "" {
				dir = filepath.Join(keep, c.name)
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			paths, err := All(dir, c.s)
			if err != nil {
				t.Fatal(err)
			}
			if len(paths) != c.pictures {
				t.Fatalf("pictures: %v", paths)
			}
			for _, path := range paths {
				colours, w, h := look(t, path)
				if colours < 30 || w < 480 || h < 250 {
					t.Errorf("%s: %d colours, %d x %d pixels", path, colours, w, h)
				}
			}
			if entries, _ := os.ReadDir(dir); len(entries) != len(paths) {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

func look(t *testing.T, path string) (colours, w, h int) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[3]uint32]bool{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y += 3 {
		for x := b.Min.X; x < b.Max.X; x += 3 {
			r, g, bl, _ := img.At(x, y).RGBA()
			seen[[3]uint32{r >> 8, g >> 8, bl >> 8}] = true
		}
	}
	return len(seen), b.Dx(), b.Dy()
}

func TestRasterPutsPointsWhereTheyBelong(t *testing.T) {
	// Linear data on an uneven grid: interpolation is exact, so every pixel's shade is known.
	x, y := []float64{0, 0.1, 0.5, 2}, []float64{-1, 3}
	p := plane{x, y, func(i, j int) float64 { return x[i] + 10*y[j] }}
	ramp := diverging()
	img := p.image(ramp, -10, 32)
	for _, at := range [][2]int{{0, 0}, {rasterW - 1, 0}, {3, 200}, {rasterW / 2, rasterH / 2}, {rasterW - 1, rasterH - 1}} {
		px := 2 * (float64(at[0]) + 0.5) / rasterW
		py := -1 + 4*(float64(at[1])+0.5)/rasterH
		want := shade(ramp, px+10*py, -10, 32)
		r, g, b, _ := want.RGBA()
		r2, g2, b2, _ := img.At(at[0], rasterH-1-at[1]).RGBA()
		if r>>8 != r2>>8 || g>>8 != g2>>8 || b>>8 != b2>>8 {
			t.Errorf("pixel %v: %v, want %v", at, img.At(at[0], rasterH-1-at[1]), want)
		}
	}
}

// Where there is no value the paper shows, and what is known of the error is printed without it.
func TestNoValueIsBlank(t *testing.T) {
	x, y := []float64{0, 1, 2}, []float64{0, 1, 2}
	p := plane{x, y, func(i, j int) float64 {
		if i == 2 && j == 2 {
			return math.NaN()
		}
		return 1
	}}
	img := p.image(diverging(), 0, 2)
	for _, c := range []struct {
		a, b  int
		blank bool
	}{{rasterW - 2, 2, true}, {rasterW/2 + 2, rasterH/2 - 2, true}, {rasterW/2 - 2, 2, false}, {rasterW - 2, rasterH/2 + 2, false}} {
		if _, _, _, alpha := img.At(c.a, c.b).RGBA(); (alpha == 0) != c.blank {
			t.Errorf("pixel %d, %d: opacity %d", c.a, c.b, alpha)
		}
	}
	s := example(2, linspace("x", 0, 1, 4), linspace("y", 0, 1, 4))
	for k := range s.Fields {
		s.Fields[k].Data[15] = math.NaN()
	}
	if q := quantities(s, "u"); strings.Contains(q[2].title, "NaN") {
		t.Errorf("title %q", q[2].title)
	}
}

func TestSlices(t *testing.T) {
	x, y, z, tt := linspace("x", 0, 1, 3), linspace("y", 0, 1, 4), linspace("z", 0, 1, 5), linspace("t", 0, 2, 6)
	titles := func(coords ...snapshot.Coord) (out []string) {
		for _, s := range planesOf(coords) {
			out = append(out, fmt.Sprint(s.x, s.y, " ", s.title))
		}
		return out
	}
	for _, c := range []struct {
		got, want []string
	}{
		{titles(x, tt), []string{"0 1 "}},
		{titles(x, y, tt), []string{"0 1 t = 1.2", "0 1 t = 2"}},
		{titles(x, y, z), []string{"0 1 z = 0.5", "0 2 y = 0.667", "1 2 x = 0.5"}},
		{titles(x, y, z, tt), []string{"0 1 z = 0.5, t = 2", "0 2 y = 0.667, t = 2", "1 2 x = 0.5, t = 2"}},
		{titles(x, snapshot.Coord{Name: "y", Values: []float64{1}}), nil},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestCells(t *testing.T) {
	s := &snapshot.Snapshot{Coords: []snapshot.Coord{linspace("x", 0, 1, 5)},
		Decomposition: &snapshot.Decomposition{Centre: []float64{0.5, 0, 1, 0.5 + 1e-15}}}
	got := cells(s, []int{0, 1, 2, 3}, 0)
	want := [][2]float64{{0.25, 0.75}, {0, 0.25}, {0.75, 1}, {0.25, 0.75}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPower(t *testing.T) {
	for e, want := range map[int]string{0: "1", -12: "1e-12", 305: "1e305"} {
		if got := power(e); got != want {
			t.Errorf("%d: %s", e, got)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   []string
	}{
		{-1, 1, []string{"-1.0", "-0.5", "0", "0.5", "1.0"}},
		{0, 20000, []string{"0", "5000", "10000", "15000", "20000"}},
		{-1.7e-4, 1.7e-4, []string{"-1.5e-4", "-1e-4", "-5e-5", "0", "5e-5", "1e-4", "1.5e-4"}},
		{3e5, 1.4e6, []string{"4e5", "6e5", "8e5", "1e6", "1.2e6", "1.4e6"}},
		{0.1, 0.7, []string{"0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"}},
	} {
		var got []string
		for _, tick := range round(c.lo, c.hi) {
			if !tick.IsMinor() {
				got = append(got, tick.Label)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%g to %g: %q, want %q", c.lo, c.hi, got, c.want)
		}
	}
	// An empty or infinite range must not loop or panic.
	for _, r := range [][2]float64{{1, 1}, {2, 1}, {math.NaN(), 1}, {0, math.Inf(1)}} {
		if got := round(r[0], r[1]); len(got) != 0 {
			t.Errorf("%v: %v", r, got)
		}
	}
}
