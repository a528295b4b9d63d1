package plot

import (
	"image"
	"image/color"
	"math"
	"sort"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// shades is the number of colours of a map: below what the eye tells apart.
const shades = 256

// Pixels of the image of a heat map; the canvas scales it to the panel.
const (
	rasterW = 480
	rasterH = 360
)

// sequential is a map of steadily rising luminance through violet, blue, green and yellow, for quantities.
func sequential() []color.Color {
	m, err := moreland.NewLuminance([]color.Color{color.RGBA{68, 1, 84, 255}, color.RGBA{59, 82, 139, 255},
		color.RGBA{33, 145, 140, 255}, color.RGBA{94, 201, 98, 255}, color.RGBA{253, 231, 37, 255}})
	if err != nil {
		panic("plot: control colours do not rise in luminance")
	}
	return sampled(m)
}

// diverging runs from blue through light grey, which is zero, to red, for errors.
func diverging() []color.Color { return sampled(moreland.SmoothBlueRed()) }

func sampled(m palette.ColorMap) []color.Color {
	m.SetMin(0)
	m.SetMax(1)
	return m.Palette(shades).Colors()
}

// shade is the colour of v on a map over [lo, hi]; where there is no value, none.
func shade(colours []color.Color, v, lo, hi float64) color.Color {
	k := (v - lo) / (hi - lo)
	if math.IsNaN(k) {
		return color.Transparent
	}
	return colours[int(math.Max(0, math.Min(k, 1))*float64(len(colours)-1)+0.5)]
}

// plane is a quantity on a grid of two axes; at(i, j) is its value at x[i], y[j].
type plane struct {
	x, y []float64
	at   func(i, j int) float64
}

// image interpolates the plane between its points, so that any spacing of them is drawn where it belongs.
func (p plane) image(colours []color.Color, lo, hi float64) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, rasterW, rasterH))
	xi, xf := places(p.x, rasterW)
	yi, yf := places(p.y, rasterH)
	for b := 0; b < rasterH; b++ {
		j, f := yi[b], yf[b]
		for a := 0; a < rasterW; a++ {
			i, e := xi[a], xf[a]
			v := (1-f)*((1-e)*p.at(i, j)+e*p.at(i+1, j)) + f*((1-e)*p.at(i, j+1)+e*p.at(i+1, j+1))
			img.Set(a, rasterH-1-b, shade(colours, v, lo, hi))
		}
	}
	return img
}

// places gives, for the centres of n pixels along an ascending axis of at least two points, the interval and the fraction in it.
func places(x []float64, n int) (at []int, fraction []float64) {
	at, fraction = make([]int, n), make([]float64, n)
	first, last := x[0], x[len(x)-1]
	for k := range at {
		p := first + (last-first)*(float64(k)+0.5)/float64(n)
		i := min(max(sort.SearchFloat64s(x, p)-1, 0), len(x)-2)
		at[k] = i
		fraction[k] = math.Max(0, math.Min((p-x[i])/(x[i+1]-x[i]), 1))
	}
	return at, fraction
}

// heat draws a plane with its colour bar.
func heat(c draw.Canvas, pl *plot.Plot, p plane, colours []color.Color, lo, hi float64) {
	const gap, width, room = vg.Length(10), vg.Length(14), vg.Length(86) // of the bar; room holds its labels, too
	if !(lo < hi) {                                                      // a constant: any range around it will do
		d := math.Max(math.Abs(lo), 1)
		lo, hi = lo-d, hi+d
	}
	pl.Add(plotter.NewImage(p.image(colours, lo, hi), p.x[0], p.y[0], p.x[len(p.x)-1], p.y[len(p.y)-1]))
	main := draw.Crop(c, 0, -room, 0, 0)
	pl.Draw(main)
	data := pl.DataCanvas(main)

	left, right := main.Max.X+gap, main.Max.X+gap+width
	bottom, height := data.Min.Y, data.Max.Y-data.Min.Y
	for k, col := range colours {
		y := bottom + height*vg.Length(k)/shades
		// One unit of overlap: neighbours must not let the background through.
		c.FillPolygon(col, []vg.Point{{X: left, Y: y}, {X: right, Y: y}, {X: right, Y: min(y+height/shades+1, data.Max.Y)},
			{X: left, Y: min(y+height/shades+1, data.Max.Y)}})
	}
	style := pl.Y.Tick.Label
	style.XAlign, style.YAlign = draw.XLeft, draw.YCenter
	thin := draw.LineStyle{Color: black, Width: vg.Points(0.5)}
	for _, t := range round(lo, hi) {
		if t.IsMinor() {
			continue
		}
		y := bottom + height*vg.Length((t.Value-lo)/(hi-lo))
		c.StrokeLine2(thin, right, y, right+4, y)
		c.FillText(style, vg.Point{X: right + 7, Y: y}, t.Label)
	}
	c.StrokeLines(thin, []vg.Point{{X: left, Y: bottom}, {X: right, Y: bottom}, {X: right, Y: data.Max.Y}, {X: left, Y: data.Max.Y},
		{X: left, Y: bottom}})
}

// span is the range of the finite numbers in v, zero where there are none.
func span(v []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, x := range v {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			lo, hi = math.Min(lo, x), math.Max(hi, x)
		}
	}
	if lo > hi {
		return 0, 0
	}
	return lo, hi
}
