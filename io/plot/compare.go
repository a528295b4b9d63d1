package plot

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Work is a curve of a work-precision figure.
type Work struct {
	Name           string
	Seconds, Error []float64
	Whole          float64 // seconds of the whole program, marked at the last error; 0: none
	Other          bool    // not a run: drawn dashed and black
}

// WorkPrecision draws errors against seconds, both logarithmic. What is not positive has no place there and is left out.
func WorkPrecision(path, title string, works []Work) error {
	p := panel(title, "time (s)", "") // gonum makes room above the frame for a long name of this axis, so the title has it
	p.Add(plotter.NewGrid())
	var xs, ys []float64
	n := 0
	for _, w := range works {
		var x, y []float64
		for k, e := range w.Error {
			if t := w.Seconds[k]; e > 0 && t > 0 && finite(e) && finite(t) {
				x, y = append(x, t), append(y, e)
			}
		}
		if len(x) == 0 {
			continue
		}
		if w.Other {
			marked(p, w.Name, x, y, black, 1.8, []vg.Length{6, 4})
		} else {
			col := lines[n%len(lines)]
			n++
			marked(p, w.Name, x, y, col, 2, nil)
			if w.Whole > 0 {
				end := y[len(y)-1]
				p.Add(&plotter.Line{XYs: plotter.XYs{{X: x[len(x)-1], Y: end}, {X: w.Whole, Y: end}},
					LineStyle: draw.LineStyle{Color: col, Width: vg.Points(0.8), Dashes: []vg.Length{2, 2}}})
				p.Add(&plotter.Scatter{XYs: plotter.XYs{{X: w.Whole, Y: end}},
					GlyphStyle: draw.GlyphStyle{Color: col, Radius: vg.Points(6), Shape: draw.CrossGlyph{}}})
				xs = append(xs, w.Whole)
			}
		}
		xs, ys = append(xs, x...), append(ys, y...)
	}
	logarithmic(p, ys, len(works))
	lo, hi := span(xs)
	if !(lo > 0) {
		lo, hi = 0.1, 1
	}
	low, high := math.Floor(math.Log10(lo)), math.Ceil(math.Log10(hi))
	p.X.Min, p.X.Max = math.Pow(10, low), math.Pow(10, max(high, low+1))
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{}
	return picture(path, 1100, 750, func(c draw.Canvas) { p.Draw(cell(c, 0, 1, 0, 1)) })
}
