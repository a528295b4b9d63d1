package runlog

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Least time between plain lines, so that a batch job's output stays readable, and between redrawings of the bar.
const (
	lineEvery   = 2 * time.Second
	redrawEvery = 100 * time.Millisecond // of the bar
)

// barWidth is the bar without its ends, barRoom what progressbar puts around it: percentage, ends, blanks.
const (
	barWidth = 8
	barRoom  = barWidth + 10
)

// Progress shows a run to its user: a bar on a terminal, plain lines elsewhere.
type Progress struct {
	w     io.Writer
	plan  Plan
	size  func() (columns, rows int)
	bar   *progressbar.ProgressBar // nil: plain lines
	last  time.Time
	now   func() time.Time
	pace  Pace
	tests []Value // the errors last seen
}

// NewProgress starts the display of a run that has so many steps behind it and, at most, before it. size is that of the terminal which w is,
// nil if it is none: see Terminal.
func NewProgress(w io.Writer, size func() (columns, rows int), plan Plan, done, left int64) *Progress {
	p := &Progress{w: w, plan: plan, size: size, now: time.Now}
	if size != nil {
		p.bar = progressbar.NewOptions64(done+left,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetWidth(barWidth),
			progressbar.OptionThrottle(0),           // Report knows when
			progressbar.OptionSetPredictTime(false), // ours knows the latest rate
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
		)
		_ = p.bar.Set64(done) // only fails beyond the end
	}
	return p
}

// Terminal gives the size of a terminal that can draw over what it shows; nil if the file is none.
func Terminal(f *os.File) func() (columns, rows int) {
	if !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return func() (columns, rows int) {
		columns, rows, err := term.GetSize(int(f.Fd()))
		if err != nil || columns == 0 || rows == 0 {
			return 80, 24
		}
		return columns, rows
	}
}

// Report shows the state of the run. All but the last one are dropped if one was shown just before.
func (p *Progress) Report(r Report) {
	p.pace.Add(r)
	if len(r.Errors) > 0 {
		p.tests = r.Errors
	}
	every := lineEvery
	if p.bar != nil {
		every = redrawEvery
	}
	now := p.now()
	if r.Left > 0 && !p.last.IsZero() && now.Sub(p.last) < every {
		return
	}
	p.last = now
	if p.bar == nil {
		total := r.Step + r.Left
		fmt.Fprintf(p.w, "step %*d/%d  %s\n", len(fmt.Sprint(total)), r.Step, total, p.describe(r))
		return
	}
	r.Errors = p.tests // a line that stays shows what is known; one of many, what was tested
	text := p.describe(r)
	columns, _ := p.size()
	text = clip(text, max(0, columns-barRoom)) // a line that wraps cannot be redrawn
	p.bar.ChangeMax64(r.Step + r.Left)         // stages may end early
	_ = p.bar.Set64(r.Step)                    // a display must not end a run
	p.bar.Describe(text)                       // draws, so it comes second
}

// describe gives place, loss, errors, time left and rate.
func (p *Progress) describe(r Report) string {
	parts := []string{fmt.Sprintf("loss %.3e", r.Loss)}
	if at := p.plan.Place(r); at != "" {
		parts = []string{at, parts[0]}
	}
	for _, e := range r.Errors {
		if !math.IsNaN(e.Value) {
			parts = append(parts, fmt.Sprintf("error %s %.2e", e.Name, e.Value))
		}
	}
	if rate := p.pace.Rate(); rate > 0 {
		parts = append(parts, p.plan.TimeLeft(r, rate), Speed(rate)) // a narrow terminal cuts the rate off
	}
	return strings.Join(parts, "  ")
}

// Place says where in a plan a report is: window, solver, value of the continuation; empty where there is one of each.
func (p Plan) Place(r Report) string {
	var at []string
	if p.Windows > 1 {
		at = append(at, fmt.Sprintf("window %d/%d", r.Window, p.Windows))
	}
	if len(p.Stages) > 1 {
		at = append(at, r.Solver)
	}
	for _, v := range r.Continuation {
		at = append(at, fmt.Sprintf("%s = %.6g", v.Name, v.Value))
	}
	return strings.Join(at, ", ")
}

// Speed writes a number of steps per second.
func Speed(rate float64) string {
	switch {
	case rate < 0.1:
		return fmt.Sprintf("%s a step", left(1/rate))
	case rate < 10:
		return fmt.Sprintf("%.2f steps/s", rate)
	}
	return fmt.Sprintf("%.0f steps/s", rate)
}

// TimeLeft writes how long the steps that are left take.
func (p Plan) TimeLeft(r Report, rate float64) string {
	text := left(float64(r.Left)/rate) + " left"
	if !p.certain() && r.Left > 0 {
		text += " at most"
	}
	return text
}

// Pace is how fast a run goes, from its last reports.
type Pace struct{ last []Report }

// paced is the number of reports that count. One alone is noise: a step may factor a matrix and the next one not.
const paced = 8

// Add takes a report. Another solver has another pace.
func (p *Pace) Add(r Report) {
	if n := len(p.last); n > 0 && (p.last[n-1].Solver != r.Solver || r.Step <= p.last[n-1].Step) {
		p.last = p.last[:0]
	}
	if len(p.last) == paced {
		p.last = append(p.last[:0], p.last[1:]...)
	}
	p.last = append(p.last, r)
}

// Rate in steps per second by the clock on the wall, tests and files counted, so that it tells when a run ends; 0 if not known yet.
func (p *Pace) Rate() float64 {
	n := len(p.last)
	if n == 0 {
		return 0
	}
	a, b := p.last[0], p.last[n-1]
	if dt := b.Time.Sub(a.Time).Seconds(); n > 1 && dt > 0 {
		return float64(b.Step-a.Step) / dt
	}
	return b.Rate
}

// clip keeps a line within so many columns.
func clip(s string, columns int) string {
	if r := []rune(s); len(r) > columns {
		return string(r[:columns])
	}
	return s
}

// left writes a time in the two units that matter.
func left(seconds float64) string {
	if !(seconds > 0) { // NaN, too
		seconds = 0
	}
	s := int64(math.Min(seconds, 1e9) + 0.5)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
}

// Note prints a line of its own above the display.
func (p *Progress) Note(format string, args ...any) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintf(p.w, format+"\n", args...)
	if p.bar != nil {
		_ = p.bar.RenderBlank()
	}
}

// Close ends the display, leaving the cursor on a new line.
func (p *Progress) Close() {
	if p.bar != nil {
		_ = p.bar.Exit()
		fmt.Fprintln(p.w)
	}
}
