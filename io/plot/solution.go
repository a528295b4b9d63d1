package plot

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"fbpinn-mpi/io/snapshot"
)

// quantity is one column of the picture: a field, or one computed from two.
type quantity struct {
	title string
	data  []float64
	error bool // shown on a map that diverges from zero
}

// quantities lists solution, exact solution and error of an unknown; without something to compare with, the residuals.
func quantities(s *snapshot.Snapshot, unknown string) []quantity {
	u := s.Field(unknown)
	if u == nil {
		panic("plot: no such unknown")
	}
	q := []quantity{{title: unknown, data: u.Data}}
	exact := s.Field(unknown + "_exact")
	if exact == nil {
		for _, f := range s.Fields {
			if strings.HasPrefix(f.Name, "residual_") && len(q) < 3 {
				q = append(q, quantity{title: strings.ReplaceAll(f.Name, "_", " "), data: f.Data, error: true})
			}
		}
		return q
	}
	var diff []float64
	if e := s.Field(unknown + "_error"); e != nil {
		diff = e.Data
	} else {
		diff = make([]float64, len(u.Data))
		for i := range diff {
			diff[i] = u.Data[i] - exact.Data[i]
		}
	}
	var num, den float64
	for i := range diff {
		if !math.IsNaN(diff[i]) { // no value in removed parts
			num += diff[i] * diff[i]
			den += exact.Data[i] * exact.Data[i]
		}
	}
	title := "error"
	if den > 0 {
		title = fmt.Sprintf("error, relative L2 %.2e", math.Sqrt(num/den))
	}
	return append(q, quantity{title: unknown + " exact", data: exact.Data}, quantity{title: title, data: diff, error: true})
}

// Solution draws one unknown: lines for one coordinate, heat maps for two, and slices, one row each, for three and four.
func Solution(path string, s *snapshot.Snapshot, unknown string) error {
	q := quantities(s, unknown)
	if len(s.Coords) == 1 {
		return solutionLines(path, s, unknown, q)
	}
	cuts := planesOf(s.Coords)
	if len(cuts) == 0 {
		return fmt.Errorf("plot: %s: a heat map needs at least two points along two coordinates", path)
	}
	w, h := 533*len(q), 470*len(cuts)+30
	if len(q) == 1 {
		w = 700
	}
	return picture(path, w, h, func(c draw.Canvas) {
		for i, k := range q {
			lo, hi := span(k.data)
			colours := sequential()
			switch {
			case k.error:
				colours = diverging()
				hi = math.Max(math.Abs(lo), math.Abs(hi))
				lo = -hi
			case strings.HasSuffix(k.title, " exact") || len(q) == 3 && i == 0 && q[2].error && strings.HasPrefix(q[2].title, "error"):
				// Solution and exact solution share the exact one's range: equal colours are equal values.
				lo, hi = span(q[1].data)
			}
			for j, cut := range cuts {
				title := k.title
				if cut.title != "" {
					title += " at " + cut.title
				}
				x, y := s.Coords[cut.x], s.Coords[cut.y]
				heat(cell(c, i, len(q), j, len(cuts)), panel(title, label(x.Name, x.Units), label(y.Name, y.Units)),
					cut.plane(s, k.data), colours, lo, hi)
			}
		}
	})
}

// slice is a plane of the grid: coordinates x and y run, the others stand at index at.
type slice struct {
	x, y  int
	at    []int
	title string
}

// planesOf chooses the planes to show: the whole grid for two coordinates; with time, planes of space at the middle and the end
// of it for three coordinates, mid-planes at the end for four; without, the three mid-planes of the first three.
func planesOf(coords []snapshot.Coord) []slice {
	cut := func(x, y int, fixed map[int]int) []slice {
		s := slice{x: x, y: y, at: make([]int, len(coords))}
		var where []string
		for a, c := range coords {
			if a == x || a == y {
				if len(c.Values) < 2 {
					return nil // nothing to draw along this axis
				}
				continue
			}
			i, ok := fixed[a]
			if !ok {
				i = len(c.Values) / 2
			}
			s.at[a] = i
			where = append(where, fmt.Sprintf("%s = %.3g", c.Name, c.Values[i]))
		}
		s.title = strings.Join(where, ", ")
		return []slice{s}
	}
	d := len(coords)
	end := map[int]int{}
	time := coords[d-1].Name == "t"
	if time {
		end[d-1] = len(coords[d-1].Values) - 1
	}
	switch {
	case d == 2:
		return cut(0, 1, nil)
	case d == 3 && time:
		return append(cut(0, 1, nil), cut(0, 1, end)...)
	}
	return append(append(cut(0, 1, end), cut(0, 2, end)...), cut(1, 2, end)...)
}

// plane reads a slice of a field.
func (k slice) plane(s *snapshot.Snapshot, data []float64) plane {
	stride := make([]int, len(s.Coords))
	n, base := 1, 0
	for a := len(s.Coords) - 1; a >= 0; a-- {
		stride[a] = n
		n *= len(s.Coords[a].Values)
		if a != k.x && a != k.y {
			base += k.at[a] * stride[a]
		}
	}
	return plane{x: s.Coords[k.x].Values, y: s.Coords[k.y].Values, at: func(i, j int) float64 {
		return data[base+i*stride[k.x]+j*stride[k.y]]
	}}
}

// solutionLines draws solution over exact solution, and error or residuals beside it.
func solutionLines(path string, s *snapshot.Snapshot, unknown string, q []quantity) error {
	x := s.Coords[0]
	u := s.Field(unknown)
	left := panel(unknown, label(x.Name, x.Units), label(unknown, u.Units))
	left.Add(plotter.NewGrid())
	left.Legend.Top = true
	panels := []*plot.Plot{left}
	compared := len(q) == 3 && !q[1].error
	if compared {
		line(left, "exact", x.Values, q[1].data, black, 3.5, nil)
		line(left, "trained", x.Values, q[0].data, lines[1], 1.8, []vg.Length{6, 4})
		// Room for the legend above the curves.
		left.Y.Max += 0.16 * (left.Y.Max - left.Y.Min)
	} else {
		line(left, "", x.Values, q[0].data, lines[0], 1.8, nil)
	}
	for _, k := range q[1:] {
		if k.error {
			p := panel(k.title, label(x.Name, x.Units), "")
			p.Add(plotter.NewGrid())
			line(p, "", x.Values, k.data, lines[0], 1.4, nil)
			panels = append(panels, p)
		}
	}
	return picture(path, 800*len(panels), 600, func(c draw.Canvas) {
		for i, p := range panels {
			p.Draw(cell(c, i, len(panels), 0, 1))
		}
	})
}

// line adds a curve, interrupted where it is not finite, and names it in the legend if it has a name.
func line(p *plot.Plot, name string, x, y []float64, col color.Color, width float64, dashes []vg.Length) {
	style := draw.LineStyle{Color: col, Width: vg.Points(width), Dashes: dashes}
	named := false
	for from := 0; from < len(x); {
		to := from
		for to < len(x) && finite(y[to]) && finite(x[to]) {
			to++
		}
		if to > from {
			piece := make(plotter.XYs, 0, to-from)
			for i := from; i < to; i++ {
				piece = append(piece, plotter.XY{X: x[i], Y: y[i]})
			}
			l := &plotter.Line{XYs: piece, LineStyle: style}
			p.Add(l)
			if name != "" && !named {
				p.Legend.Add(name, l)
				named = true
			}
		}
		from = to + 1
	}
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
