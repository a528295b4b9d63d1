package runlog

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/guptarohit/asciigraph"
)

// View is a run as a text that is drawn again and again, from its files alone: who runs, where it is, how loss and errors fell.
type View struct {
	dir    string
	log    *Follower
	events []Event
	last   Report
	tests  []Value // the errors last seen
	pace   Pace
	pause  time.Duration // the longest between two reports of one launch
	wrote  time.Time     // when the run last wrote
	steps  []float64     // of all reports
	curves []curve       // loss, then the error of each unknown
}

// curve is a quantity at all reports: NaN where it was not tested.
type curve struct {
	name   string
	values []float64
}

// NewView looks at the folder of a run.
func NewView(dir string) *View { return &View{dir: dir, log: Follow(filepath.Join(dir, LogName))} }

// Read takes in what the run wrote since the last call.
func (v *View) Read() (err error) {
	if v.events, err = ReadEvents(filepath.Join(v.dir, EventsName)); err != nil {
		return err
	}
	list, anew, err := v.log.Next()
	if err != nil {
		return err
	}
	if anew {
		*v = View{dir: v.dir, log: v.log, events: v.events}
	}
	for _, r := range list {
		v.add(r)
	}
	if n := len(v.events); n > 0 && v.events[n-1].Time.After(v.wrote) {
		v.wrote = v.events[n-1].Time
	}
	return nil
}

func (v *View) add(r Report) {
	if v.last.Time.IsZero() || v.last.Time.Before(v.began()) { // of a launch before
		v.pace = Pace{}
	} else {
		v.pause = max(v.pause, r.Time.Sub(v.last.Time))
	}
	v.last, v.wrote = r, r.Time
	v.pace.Add(r)
	if len(r.Errors) > 0 {
		v.tests = r.Errors
	}
	v.steps = append(v.steps, float64(r.Step))
	v.put("loss", r.Loss)
	for _, e := range r.Errors {
		v.put("error "+e.Name, e.Value)
	}
}

// began is when the program was last started.
func (v *View) began() (t time.Time) {
	for _, e := range v.events {
		if e.What == Started {
			t = e.Time
		}
	}
	return t
}

// put adds a value at the last step.
func (v *View) put(name string, x float64) {
	k := 0
	for k < len(v.curves) && v.curves[k].name != name {
		k++
	}
	if k == len(v.curves) {
		v.curves = append(v.curves, curve{name: name})
	}
	c := &v.curves[k]
	for len(c.values) < len(v.steps)-1 {
		c.values = append(c.values, math.NaN())
	}
	c.values = append(c.values, x)
}

// Empty tells that there is no run in the folder.
func (v *View) Empty() bool { return len(v.events) == 0 && len(v.steps) == 0 }

// Judge says what state the run is in.
func (v *View) Judge(now time.Time) Judgement { return Judge(v.events, v.wrote, v.pause, now) }

// Line is the run in one line.
func (v *View) Line(now time.Time) string {
	j := v.Judge(now)
	parts := []string{j.State.String()}
	if len(v.steps) > 0 {
		r := v.last
		parts = append(parts, fmt.Sprintf("step %d/%d", r.Step, r.Step+r.Left), v.numbers(j))
	}
	return strings.Join(parts, "  ")
}

// numbers are the place, loss, errors and, while the run goes on, time left and rate.
func (v *View) numbers(j Judgement) string {
	p := Progress{plan: plan(j.Start)}
	if j.State == Running {
		p.pace = v.pace
	}
	r := v.last
	r.Errors = v.tests
	return p.describe(r)
}

func plan(start Event) Plan {
	if start.Launch == nil {
		return Plan{}
	}
	return start.Launch.Plan
}

// Screen is the run as a text of so many columns and rows at most. colour tells a terminal to tell the curves apart by it.
func (v *View) Screen(now time.Time, columns, rows int, colour bool) string {
	j := v.Judge(now)
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, clip(fmt.Sprintf(format, args...), columns)) }
	l := j.Start.Launch
	if l != nil && l.Title != "" {
		say("%s", l.Title)
	}
	say("%s: %s", v.dir, v.state(j))
	if l != nil {
		job := ""
		if l.Slurm != "" {
			job = ", Slurm job " + l.Slurm
		}
		say("started %s on %s, %s%s%s", j.Start.Time.Local().Format("2006-01-02 15:04:05"), l.Host, ranks(l.Ranks), job, v.starts())
	}
	if len(v.steps) == 0 {
		say("no report yet")
		return strings.Join(lines, "\n") + "\n"
	}
	r := v.last
	share := 1.0
	if total := r.Step + r.Left; total > 0 {
		share = float64(r.Step) / float64(total)
	}
	say("step %d of %d  %s", r.Step, r.Step+r.Left, bar(share))
	say("%s", v.numbers(j))
	if c, ok := v.checkpoint(); ok {
		say("checkpoint of step %d, %s", c.Step, Ago(now.Sub(c.Time)))
	}
	for _, w := range v.warnings() {
		say("warning: %s", w)
	}
	if v.log.Bad > 0 {
		say("%d lines of %s are unreadable", v.log.Bad, LogName)
	}
	const around, tallest = 7, 14 // lines: blank, axis, legend, cursor; of the curves
	if chart := v.chart(columns, min(rows-len(lines)-around, tallest), colour); chart != "" {
		lines = append(lines, "", chart)
	}
	return strings.Join(lines, "\n") + "\n"
}

// state explains the judgement.
func (v *View) state(j Judgement) string {
	text := j.State.String()
	switch j.State {
	case Running:
		return fmt.Sprintf("%s, last word %s", text, Ago(j.Age))
	case Silent:
		return fmt.Sprintf("%s: no word for %s, though its reports were %s apart at most; does its job still run?", text, left(j.Age.Seconds()), left(v.pause.Seconds()))
	case Killed:
		return fmt.Sprintf("%s: its process is gone without a last word; --resume goes on from the newest checkpoint, last word %s", text, Ago(j.Age))
	case Halted, Broken:
		return fmt.Sprintf("%s: %s (%s)", text, j.Last.Text, Ago(j.Age))
	case Finished:
		return fmt.Sprintf("%s: %s, %s in all (%s)", text, j.Last.Text, left(j.Last.Seconds), Ago(j.Age))
	}
	return fmt.Sprintf("%s: %s says nothing; last report %s", text, EventsName, Ago(j.Age))
}

func ranks(n int) string {
	if n == 1 {
		return "1 rank"
	}
	return fmt.Sprintf("%d ranks", n)
}

// starts tells of earlier launches.
func (v *View) starts() string {
	n := 0
	for _, e := range v.events {
		if e.What == Started {
			n++
		}
	}
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(", launch %d", n)
}

func (v *View) checkpoint() (last Event, ok bool) {
	for _, e := range v.events {
		if e.What == Checkpointed {
			last, ok = e, true
		}
	}
	return last, ok
}

// warnings are those of the last launch, the newest few.
func (v *View) warnings() (list []string) {
	const few = 3
	for _, e := range v.events {
		switch e.What {
		case Started:
			list = nil
		case Warned:
			list = append(list, e.Text)
		}
	}
	return list[max(0, len(list)-few):]
}

func bar(share float64) string {
	const width = 30
	n := int(share*width + 0.5)
	return fmt.Sprintf("[%s%s] %.0f %%", strings.Repeat("=", n), strings.Repeat(" ", width-n), 100*share)
}

// chart draws the logarithms of loss and errors against steps; empty where there is no room or nothing positive to draw.
func (v *View) chart(columns, rows int, colour bool) string {
	const room, leastWidth, leastHeight = 12, 20, 4 // labels of the axis
	width := min(columns-room, 100)
	if width < leastWidth || rows < leastHeight || len(v.steps) < 2 {
		return ""
	}
	var data [][]float64
	var names []string
	for _, c := range v.curves {
		if y, ok := sampled(v.steps, c.values, width); ok {
			data, names = append(data, y), append(names, c.name)
		}
	}
	if len(data) == 0 {
		return ""
	}
	options := []asciigraph.Option{asciigraph.Height(rows),
		asciigraph.YAxisValueFormatter(func(y float64) string { return fmt.Sprintf("%.1e", math.Pow(10, y)) }),
		asciigraph.XAxisRange(v.steps[0], v.steps[len(v.steps)-1]),
		asciigraph.XAxisValueFormatter(func(x float64) string { return fmt.Sprintf("%.0f", x) })}
	if colour {
		colours := []asciigraph.AnsiColor{asciigraph.DeepSkyBlue, asciigraph.DarkOrange, asciigraph.Green, asciigraph.Violet}
		var some []asciigraph.AnsiColor
		for k := range data {
			some = append(some, colours[k%len(colours)])
		}
		options = append(options, asciigraph.SeriesColors(some...), asciigraph.SeriesLegends(names...))
	} else {
		options = append(options, asciigraph.Caption(strings.Join(names, ", ")))
	}
	return asciigraph.PlotMany(data, options...)
}

// sampled gives the logarithm of a quantity at so many steps, equally far apart: the last value before each. NaN: none yet.
func sampled(steps, values []float64, n int) (y []float64, any bool) {
	first, last := steps[0], steps[len(steps)-1]
	k, now := 0, math.NaN()
	for i := range n {
		at := first + (last-first)*float64(i)/float64(n-1)
		for ; k < len(values) && steps[k] <= at; k++ {
			if x := values[k]; x > 0 && !math.IsInf(x, 0) {
				now = math.Log10(x)
				any = true
			}
		}
		y = append(y, now)
	}
	return y, any
}
