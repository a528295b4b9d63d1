package plot

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Curve is a time against numbers of ranks: a measurement, or a prediction between its least and its most.
type Curve struct {
	Name      string
	Ranks     []float64
	Seconds   []float64
	Low, High []float64 // nil: none
	Measured  bool
}

// Prediction draws measurements and predictions of the time of a step on one pair of axes, both logarithmic.
func Prediction(path, title string, curves []Curve) error {
	p := panel(title, "ranks", "s a step")
	p.Add(plotter.NewGrid())
	var xs, ys []float64
	n := 0
	for _, c := range curves {
		xs, ys = append(append(xs, c.Ranks...), 1), append(append(append(ys, c.Seconds...), c.Low...), c.High...)
		if c.Measured {
			marked(p, c.Name, c.Ranks, c.Seconds, black, 2.5, []vg.Length{1, 6})
			continue
		}
		col := lines[n%len(lines)]
		n++
		marked(p, c.Name, c.Ranks, c.Seconds, col, 1.8, nil)
		for i := range c.Low {
			p.Add(&plotter.Line{XYs: plotter.XYs{{X: c.Ranks[i], Y: c.Low[i]}, {X: c.Ranks[i], Y: c.High[i]}},
				LineStyle: draw.LineStyle{Color: faint(col), Width: vg.Points(6)}})
		}
	}
	logarithmic(p, ys, len(curves))
	_, hi := span(xs)
	p.X.Min, p.X.Max = 0.8, hi*1.3
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{}
	return picture(path, 1000, 750, func(c draw.Canvas) { p.Draw(c) })
}

// faint is the colour, half transparent.
func faint(c color.Color) color.Color {
	r, g, b, _ := c.RGBA()
	return color.NRGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 110}
}
