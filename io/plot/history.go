package plot

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"fbpinn-mpi/io/snapshot"
)

// History draws the loss, its terms and the errors against the step and, where the history has a column time or seconds,
// against time. Errors are the heavy lines.
func History(path string, s *snapshot.Snapshot) error {
	type axis struct {
		label  string
		values []float64
	}
	axes := []axis{}
	var curves []snapshot.Series
	for i, h := range s.History {
		switch {
		case i == 0:
			axes = append(axes, axis{"step", h.Values})
		case h.Name == "time" || h.Name == "seconds":
			axes = append(axes, axis{"time (s)", h.Values})
		case h.Name == "loss" || strings.HasPrefix(h.Name, "loss_") || strings.HasPrefix(h.Name, "error_"):
			curves = append(curves, h)
		}
	}
	terms := func(h snapshot.Series) bool { return strings.HasPrefix(h.Name, "loss_") }
	if i := slices.IndexFunc(curves, terms); i >= 0 && slices.IndexFunc(curves[i+1:], terms) < 0 {
		curves = slices.Delete(curves, i, i+1) // a single term is the loss itself
	}
	if len(axes) == 0 {
		panic("plot: history without a step column")
	}
	return picture(path, 800*len(axes), 600, func(c draw.Canvas) {
		for i, a := range axes {
			p := historyPanel(a.label, a.values, curves)
			p.Draw(cell(c, i, len(axes), 0, 1))
		}
	})
}

func historyPanel(xlabel string, x []float64, curves []snapshot.Series) *plot.Plot {
	p := panel("loss and error", xlabel, "")
	p.Add(plotter.NewGrid())
	p.Legend.Top = true
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, h := range curves {
		// Gaps (quantities that are computed more rarely) are left out rather than breaking the line.
		var xs, ys []float64
		for k, y := range h.Values {
			if y > 0 && finite(y) && finite(x[k]) {
				xs, ys = append(xs, x[k]), append(ys, y)
				lo, hi = math.Min(lo, y), math.Max(hi, y)
			}
		}
		width, dashes := 1.6, []vg.Length(nil)
		name := strings.ReplaceAll(h.Name, "_", " ")
		switch {
		case strings.HasPrefix(h.Name, "error_"):
			width = 3
		case strings.HasPrefix(h.Name, "loss_"):
			dashes = []vg.Length{5, 3}
		}
		line(p, name, xs, ys, lines[i%len(lines)], width, dashes)
	}
	if lo > hi {
		lo, hi = 0.1, 1 // nothing positive to show: an empty frame
	}
	// Whole decades, and room for the legend above.
	low, high := math.Floor(math.Log10(lo)), math.Ceil(math.Log10(hi))
	if high == low {
		high++
	}
	room := math.Ceil(0.06 * float64(min(len(curves), 6)) * (high - low))
	p.Y.Min, p.Y.Max = math.Pow(10, low), math.Pow(10, high+room)
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = decades{}
	return p
}

// decades marks powers of ten, at most about ten of them with labels, and the multiples between if there are few.
type decades struct{}

func (decades) Ticks(lo, hi float64) []plot.Tick {
	from, to := int(math.Round(math.Log10(lo))), int(math.Round(math.Log10(hi)))
	every := (to-from)/10 + 1
	var ticks []plot.Tick
	for e := from; e <= to; e++ {
		t := plot.Tick{Value: math.Pow(10, float64(e))}
		if (e-from)%every == 0 {
			t.Label = power(e)
		}
		ticks = append(ticks, t)
		for m := 2.0; m < 10 && to-from <= 6 && e < to; m++ {
			ticks = append(ticks, plot.Tick{Value: m * t.Value})
		}
	}
	return ticks
}

// power writes ten to the power e. (The fonts that gonum carries lack most raised digits.)
func power(e int) string {
	if e == 0 {
		return "1"
	}
	return fmt.Sprintf("1e%d", e)
}
