package plot

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"fbpinn-mpi/io/snapshot"
)

// Linear draws what the linear problems of solvers of second order were like: what the filter kept, level by level; gradients against
// iterations, and loss, error, damping and condition against steps; seconds of the phases.
func Linear(path string, s *snapshot.Snapshot) error {
	panels := []*plot.Plot{keptPanel(s), singularPanel(s), gradientPanel(s.Linear), stepPanel(s), dampingPanel(s), phasePanel(s)}
	return picture(path, 1900, 1060, func(c draw.Canvas) {
		for i, p := range panels {
			p.Draw(cell(c, i%3, 3, i/3, 2))
		}
	})
}

// byLevel lists the filtered blocks of each level.
func byLevel(s *snapshot.Snapshot) (levels [][]int) {
	for k, j := range s.Linear.Subdomain {
		l := 0
		if s.Decomposition != nil {
			l = int(s.Decomposition.Level[j])
		}
		for len(levels) <= l {
			levels = append(levels, nil)
		}
		levels[l] = append(levels[l], k)
	}
	return levels
}

// distribution draws values in ascending order over the share of subdomains that have no larger one, as steps: a level of one subdomain is
// a level line.
func distribution(p *plot.Plot, name string, values []float64, level, levels int) {
	slices.Sort(values)
	var x, y []float64
	for i, v := range values {
		x = append(x, float64(i)/float64(len(values)), float64(i+1)/float64(len(values)))
		y = append(y, v, v)
	}
	line(p, name, x, y, lines[level%len(lines)], 2+1.5*float64(min(levels-1-level, 3)), nil) // finer ones lie on coarser ones, which show
}

// counted is a title with a number of things.
func counted(of string, n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%s %d %s", of, n, what)
}

// keptPanel shows the share of columns that the filter kept.
func keptPanel(s *snapshot.Snapshot) *plot.Plot {
	l := s.Linear
	columns, kept := 0, 0
	for k := range l.Subdomain {
		columns, kept = columns+int(l.Columns[k]), kept+int(l.Kept[k])
	}
	p := panel(fmt.Sprintf("columns kept: %d of %d", kept, columns), "subdomains, sorted", "share kept")
	p.Add(plotter.NewGrid())
	for level, members := range byLevel(s) {
		var share []float64
		n, r := 0, 0
		for _, k := range members {
			share = append(share, float64(l.Kept[k])/float64(max(l.Columns[k], 1)))
			n, r = n+int(l.Columns[k]), r+int(l.Kept[k])
		}
		if len(members) > 0 {
			distribution(p, fmt.Sprintf("level %d: %d of %d", level+1, r, n), share, level, len(byLevel(s)))
		}
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1.05
	p.Legend.YOffs = 4 // low values are the exception
	return p
}

// singularPanel shows the smallest kept singular value of each block over its largest.
func singularPanel(s *snapshot.Snapshot) *plot.Plot {
	l := s.Linear
	p := panel("smallest singular value kept, over the largest", "subdomains, sorted", "")
	p.Add(plotter.NewGrid())
	var all []float64
	for level, members := range byLevel(s) {
		var ratio []float64
		for _, k := range members {
			if l.Kept[k] > 0 {
				ratio = append(ratio, l.Smallest[k]/l.Largest[k])
			}
		}
		if len(ratio) > 0 {
			distribution(p, fmt.Sprintf("level %d", level+1), ratio, level, len(byLevel(s)))
			all = append(all, ratio...)
		}
	}
	p.X.Min, p.X.Max = 0, 1
	logarithmic(p, all, len(byLevel(s)))
	return p
}

// legendSolves is how many solves the legend of the gradients names.
const legendSolves = 6

// gradientPanel shows how the gradient of each linear solve falls.
func gradientPanel(l *snapshot.Linear) *plot.Plot {
	n := len(l.Gradient)
	p := panel(counted("gradient of", n, "linear solve"), "iteration", "")
	p.Add(plotter.NewGrid())
	ramp := sequential()
	every := (n-1)/(legendSolves-1) + 1
	var all []float64
	longest, named := 0, int32(-1)
	for k, g := range l.Gradient {
		col := lines[0]
		if n > 1 {
			const dark = 0.85 // the end of the map is too light for lines
			col = shade(ramp, dark*float64(k)/float64(n-1), 0, 1)
		}
		name := ""
		if (k%every == 0 || k == n-1) && l.Step[k] != named { // a step may need several solves
			named = l.Step[k]
			name = fmt.Sprintf("step %d", named)
		}
		var x, y []float64
		for i, v := range g {
			if v > 0 { // zero is the end, and has no place on a logarithmic axis
				x, y = append(x, float64(i)), append(y, v)
			}
		}
		marked(p, name, x, y, col, 1.3, nil)
		all, longest = append(all, g...), max(longest, len(g))
	}
	p.X.Min, p.X.Max = 0, float64(max(longest-1, 1))
	p.X.Tick.Marker = wholeTicks{}
	logarithmic(p, all, min(n, legendSolves+1))
	return p
}

// stepPanel shows loss and error against steps.
func stepPanel(s *snapshot.Snapshot) *plot.Plot {
	return curvesPanel(s, "loss and error", func(name string) (string, bool) {
		return strings.ReplaceAll(name, "_", " "), name == "loss" || strings.HasPrefix(name, "error_")
	})
}

// dampingPanel shows how far the linear problems could be trusted.
func dampingPanel(s *snapshot.Snapshot) *plot.Plot {
	names := map[string]string{"linear_damping": "damping", "linear_condition": "condition number, preconditioned", "linear_predicted": "share of the loss promised",
		"linear_length": "length of step"}
	return curvesPanel(s, "damping and condition", func(name string) (string, bool) {
		label, ok := names[name]
		return label, ok
	})
}

// curvesPanel draws the positive values of chosen columns of the history against steps.
func curvesPanel(s *snapshot.Snapshot, title string, choose func(name string) (string, bool)) *plot.Plot {
	p := panel(title, "step", "")
	p.Add(plotter.NewGrid())
	var all []float64
	step := s.History[0].Values
	first, last := math.Inf(1), math.Inf(-1)
	n := 0
	for _, h := range s.History {
		name, ok := choose(h.Name)
		if !ok {
			continue
		}
		var x, y []float64
		for k, v := range h.Values {
			if v > 0 && finite(v) {
				x, y = append(x, step[k]), append(y, v)
				first, last = min(first, step[k]), max(last, step[k])
			}
		}
		width := 1.5
		if strings.HasPrefix(h.Name, "error_") {
			width = 2.5
		}
		if len(x) > 0 {
			marked(p, name, x, y, lines[n%len(lines)], width, nil)
			all = append(all, y...)
		}
		n++
	}
	p.X.Min, p.X.Max = first, last
	if first >= last {
		p.X.Min, p.X.Max = min(first, step[0])-1, max(last, step[0])+1
	}
	p.X.Tick.Marker = wholeTicks{}
	logarithmic(p, all, n)
	return p
}

// wholeTicks are roundTicks at whole numbers only.
type wholeTicks struct{}

func (wholeTicks) Ticks(lo, hi float64) (ticks []plot.Tick) {
	for _, t := range round(lo, hi) {
		if t.Value == math.Round(t.Value) {
			t.Label = strings.TrimSuffix(t.Label, ".0")
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// Phases are the columns of the factorisations that hold seconds, in the order of the work.
var Phases = []struct{ Column, Name string }{
	{"seconds_blocks", "blocks"}, {"seconds_filter", "filter"}, {"seconds_normal", "normal matrix"}, {"seconds_factor", "factor"},
	{"seconds_coarse", "coarse space"}, {"seconds_iterations", "iterations"},
}

// phasePanel shows the seconds of the phases of all factorisations together; the rest of the steps' time is trial steps and messages.
func phasePanel(s *snapshot.Snapshot) *plot.Plot {
	names, seconds := []string{}, []float64{}
	total := 0.0
	for _, ph := range Phases {
		sum := 0.0
		for _, v := range s.Linear.Column(ph.Column) {
			sum += v
		}
		names, seconds = append(names, ph.Name), append(seconds, sum)
		total += sum
	}
	if rest := LinearSeconds(s) - total; rest > 0 {
		names, seconds = append(names, "rest of the steps"), append(seconds, rest)
	}
	largest := slices.Max(seconds)
	p := panel(counted("seconds in", len(s.Linear.Factorisations[0].Values), "factorisation"), "s", "")
	p.X.Min, p.X.Max = 0, max(1.25*largest, 1e-9)
	p.Y.Min, p.Y.Max = -float64(len(names)), 0
	var rs rectangles
	var ticks []plot.Tick
	labels := plotter.XYLabels{}
	for i, name := range names {
		top := -float64(i)
		rs = append(rs, rectangle{0, seconds[i], top - 0.8, top - 0.2, lines[0], color.Transparent, 0})
		ticks = append(ticks, plot.Tick{Value: top - 0.5, Label: name})
		labels.XYs = append(labels.XYs, plotter.XY{X: seconds[i] + 0.01*largest, Y: top - 0.5})
		labels.Labels = append(labels.Labels, fmt.Sprintf("%.3g", seconds[i]))
	}
	p.Add(rs)
	text, err := plotter.NewLabels(labels)
	if err != nil {
		panic("plot: label without place")
	}
	for i := range text.TextStyle {
		text.TextStyle[i] = p.X.Tick.Label
		text.TextStyle[i].XAlign, text.TextStyle[i].YAlign = draw.XLeft, draw.YCenter
	}
	p.Add(text)
	p.Y.Tick.Marker = plot.ConstantTicks(ticks)
	p.Y.Tick.Length = 0
	return p
}

// LinearSeconds is the training time of the steps that had a linear problem.
func LinearSeconds(s *snapshot.Snapshot) (seconds float64) {
	var time, linear []float64
	for _, h := range s.History {
		switch h.Name {
		case "time":
			time = h.Values
		case "linear_iterations":
			linear = h.Values
		}
	}
	last := 0.0
	for k := range time {
		if k < len(linear) && !math.IsNaN(linear[k]) {
			seconds += time[k] - last
		}
		last = time[k]
	}
	return seconds
}

// marked is a line with a mark at each point, where these are few: a single point shows, too.
func marked(p *plot.Plot, name string, x, y []float64, col color.Color, width float64, dashes []vg.Length) {
	const few = 60
	line(p, name, x, y, col, width, dashes)
	if len(x) > few {
		return
	}
	var dots plotter.XYs
	for i := range x {
		if finite(x[i]) && finite(y[i]) {
			dots = append(dots, plotter.XY{X: x[i], Y: y[i]})
		}
	}
	if len(dots) > 0 {
		p.Add(&plotter.Scatter{XYs: dots, GlyphStyle: draw.GlyphStyle{Color: col, Radius: vg.Points(width + 1), Shape: draw.CircleGlyph{}}})
	}
}

// logarithmic gives a panel a vertical axis of whole decades around values, with room for a legend of so many entries above.
func logarithmic(p *plot.Plot, values []float64, entries int) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v > 0 && finite(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if lo > hi {
		lo, hi = 0.1, 1 // nothing to show: an empty frame
	}
	low, high := math.Floor(math.Log10(lo)), math.Ceil(math.Log10(hi))
	if high == low {
		high++
	}
	p.Legend.Top = true
	room := math.Ceil(0.06 * float64(min(entries, 7)) * (high - low))
	p.Y.Min, p.Y.Max = math.Pow(10, low), math.Pow(10, high+room)
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = decades{}
}
