package plot

import (
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"fbpinn-mpi/io/scaling"
)

// Scaling draws a scaling study: time against ranks beside the ideal, efficiency in time and in work, the phases stacked, and what a rank
// sends. Where ranks shared cores, times are left out; where all did, the work of a rank takes their place.
func Scaling(path string, s *scaling.Study) error {
	panels := []*plot.Plot{workPanel(s), efficiencyPanel(s), trafficPanel(s)}
	if rows := own(s); len(rows) > 0 {
		panels = []*plot.Plot{timePanel(s, rows), efficiencyPanel(s), stackPanel(s, rows), trafficPanel(s)}
	}
	return picture(path, 1500, 1100, func(c draw.Canvas) {
		for i, p := range panels {
			p.Draw(cell(c, i%2, 2, i/2, 2))
		}
	})
}

// own are the rows whose ranks had cores of their own.
func own(s *scaling.Study) (rows []*scaling.Row) {
	for i := range s.Rows {
		if r := &s.Rows[i]; !r.Shared() {
			rows = append(rows, r)
		}
	}
	return rows
}

// perStep is the unit of times.
func perStep(s *scaling.Study) string {
	if s.Rows[0].First().SecondOrder {
		return "s"
	}
	return "s a step"
}

// rankPanel is a panel over numbers of ranks, on a logarithmic axis with a tick at each.
func rankPanel(s *scaling.Study, title string) *plot.Plot {
	p := panel(title, "ranks", "")
	p.Add(plotter.NewGrid())
	lo, hi := math.Inf(1), 0.0
	var ticks []plot.Tick
	for _, r := range s.Rows {
		n := float64(r.Ranks)
		lo, hi = min(lo, n), max(hi, n)
		ticks = append(ticks, plot.Tick{Value: n, Label: strconv.Itoa(r.Ranks)})
	}
	p.X.Min, p.X.Max = lo/1.2, hi*1.2
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.ConstantTicks(ticks)
	return p
}

// along draws a figure of rows against their ranks.
func along(p *plot.Plot, name string, rows []*scaling.Row, of func(r *scaling.Row) float64, col color.Color, dashes []vg.Length) (y []float64) {
	var x []float64
	for _, r := range rows {
		if v := of(r); finite(v) && v > 0 {
			x, y = append(x, float64(r.Ranks)), append(y, v)
		}
	}
	if len(x) > 0 {
		marked(p, name, x, y, col, 2, dashes)
	}
	return y
}

var ideal = []vg.Length{6, 4} // dashes

// every lists all rows.
func every(s *scaling.Study) (rows []*scaling.Row) {
	for i := range s.Rows {
		rows = append(rows, &s.Rows[i])
	}
	return rows
}

// withIdeal draws a cost of rows beside what it would be with perfect scaling from the first on.
func withIdeal(p *plot.Plot, s *scaling.Study, rows []*scaling.Row, cost func(r *scaling.Row) float64) []float64 {
	all := along(p, "ideal", rows, func(r *scaling.Row) float64 {
		if s.Kind == "strong" {
			return cost(rows[0]) * float64(rows[0].Ranks) / float64(r.Ranks)
		}
		return cost(rows[0])
	}, black, ideal)
	return append(all, along(p, "measured", rows, cost, lines[0], nil)...)
}

func workPanel(s *scaling.Study) *plot.Plot {
	p := rankPanel(s, s.Kind+" scaling, pairs of the rank with most (no times: ranks shared cores)")
	all := withIdeal(p, s, every(s), func(r *scaling.Row) float64 { return float64(r.First().MostPairs()) })
	logarithmic(p, all, 2)
	return p
}

func timePanel(s *scaling.Study, rows []*scaling.Row) *plot.Plot {
	title := s.Kind + " scaling, median and range, " + perStep(s)
	if len(rows) < len(s.Rows) {
		title += " (others shared cores)"
	}
	p := rankPanel(s, title)
	all := withIdeal(p, s, rows, func(r *scaling.Row) float64 { return r.Median(scaling.Time) })
	for _, r := range rows {
		v := r.Values(scaling.Time)
		x := float64(r.Ranks)
		p.Add(&plotter.Line{XYs: plotter.XYs{{X: x, Y: v[0]}, {X: x, Y: v[len(v)-1]}}, LineStyle: draw.LineStyle{Color: lines[0], Width: vg.Points(4)}})
		all = append(all, v...)
	}
	if rows[0].First().SecondOrder {
		all = append(all, along(p, "one iteration of the linear solver", rows, func(r *scaling.Row) float64 { return r.Median(scaling.IterationTime) }, lines[1], nil)...)
	}
	logarithmic(p, all, 3)
	return p
}

func efficiencyPanel(s *scaling.Study) *plot.Plot {
	p := rankPanel(s, "efficiency")
	p.Legend.Top, p.Legend.Left = false, true
	p.Legend.XOffs, p.Legend.YOffs = 14, 4
	rows := every(s)
	along(p, "ideal", rows, func(*scaling.Row) float64 { return 1 }, black, ideal)
	all := along(p, "in time", rows, s.TimeEfficiency, lines[0], nil)
	all = append(all, along(p, "in work: pairs of the rank with most", rows, s.WorkEfficiency, lines[2], nil)...)
	_, hi := span(all)
	p.Y.Min, p.Y.Max = 0, 1.15*max(1, hi)
	return p
}

// stackPanel shows what time is made of, and what of it is waiting for messages.
func stackPanel(s *scaling.Study, rows []*scaling.Row) *plot.Plot {
	row := "step"
	if rows[0].First().SecondOrder {
		row = "solver"
	}
	p := panel("phases, mean over ranks", "ranks", perStep(s))
	p.Legend.Top = true
	const width = 46
	var below *plotter.BarChart
	stack := func(name string, col color.Color, of func(r *scaling.Row) float64) {
		var v plotter.Values
		for _, r := range rows {
			v = append(v, max(0, of(r)))
		}
		b, err := plotter.NewBarChart(v, vg.Points(width))
		if err != nil {
			return // a phase without a number
		}
		b.Color, b.LineStyle.Width = col, 0
		if below != nil {
			b.StackOn(below)
		}
		below = b
		p.Add(b)
		p.Legend.Add(name, b)
	}
	var names []string
	for _, v := range s.Phases() {
		if v.Row == row {
			names = append(names, v.Name)
		}
	}
	ramp := sequential()
	for i, name := range names {
		stack(name, shade(ramp, float64(i)+0.5, 0, float64(len(names))), func(r *scaling.Row) float64 {
			return r.Median(func(p *scaling.Point) float64 { return p.Sum(row, name) })
		})
	}
	top := 0.0
	for _, r := range rows {
		top = max(top, r.Median(scaling.Time))
	}
	stack("rest", grey, func(r *scaling.Row) float64 {
		return r.Median(func(p *scaling.Point) float64 { return scaling.Time(p) - p.Sum(row, "") })
	})
	var waits plotter.XYs
	var ticks []plot.Tick
	for i, r := range rows {
		waits = append(waits, plotter.XY{X: float64(i), Y: r.Median(func(p *scaling.Point) float64 { return p.Sum("exposed", "") })})
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: strconv.Itoa(r.Ranks)})
	}
	dots := &plotter.Scatter{XYs: waits, GlyphStyle: draw.GlyphStyle{Color: lines[1], Radius: vg.Points(4.5), Shape: draw.CircleGlyph{}}}
	p.Add(dots)
	p.Legend.Add("of it, waiting for messages", dots)
	p.X.Min, p.X.Max = -0.6, float64(len(rows))+0.9 // room for the legend
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	p.Y.Min, p.Y.Max = 0, 1.1*max(top, 1e-12)
	return p
}

func trafficPanel(s *scaling.Study) *plot.Plot {
	p := rankPanel(s, "messages of the busiest rank, "+map[bool]string{true: "whole training", false: "a step"}[s.Rows[0].First().SecondOrder])
	columns := s.Columns()
	var all []float64
	for i, c := range []struct{ column, name string }{{"bytes_most", "bytes sent"}, {"collective_bytes", "bytes in collectives"}, {"messages_most", "messages sent"},
		{"neighbours_most", "neighbours"}} {
		at := slices.IndexFunc(columns, func(v scaling.Column) bool { return v.Name == c.column })
		var x, y []float64
		for k, v := range columns[at].Values {
			if v > 0 {
				x, y = append(x, float64(s.Rows[k].Ranks)), append(y, v)
			}
		}
		if len(x) > 0 {
			marked(p, c.name, x, y, lines[i], 2, nil)
			all = append(all, y...)
		}
	}
	logarithmic(p, all, 4)
	return p
}
