package runlog

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Least time between plain lines, so that a batch job's output stays readable, and between redrawings of the bar.
const (
	lineEvery   = 2 * time.Second
	redrawEvery = 100 * time.Millisecond // of the bar
)

// Progress shows a run to its user: a bar on a terminal, plain lines elsewhere.
type Progress struct {
	w     io.Writer
	total int64
	bar   *progressbar.ProgressBar // nil: plain lines
	last  time.Time
	now   func() time.Time
}

// NewProgress starts the display of the steps from first to total. tty says whether w is a terminal: see IsTerminal.
func NewProgress(w io.Writer, tty bool, first, total int64) *Progress {
	p := &Progress{w: w, total: total, now: time.Now}
	if tty {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetWidth(16),          // the whole line fits 80 columns with one unknown
			progressbar.OptionThrottle(0),           // Report knows when
			progressbar.OptionSetPredictTime(false), // ours knows the rate since the last report
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
		)
		_ = p.bar.Set64(first) // only fails beyond the end
	}
	return p
}

// IsTerminal reports whether a file is a terminal that can redraw a line.
func IsTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull && os.Getenv("TERM") != "dumb"
}

// Report shows the state of the run. All but the last one are dropped if one was shown just before.
func (p *Progress) Report(r Report) {
	every := lineEvery
	if p.bar != nil {
		every = redrawEvery
	}
	now := p.now()
	if r.Step < p.total && !p.last.IsZero() && now.Sub(p.last) < every {
		return
	}
	p.last = now
	if p.bar != nil {
		_ = p.bar.Set64(min(r.Step, p.total)) // a display must not end a run
		p.bar.Describe(p.describe(r))         // draws, so it comes second
		return
	}
	fmt.Fprintf(p.w, "step %*d/%d  %s\n", len(fmt.Sprint(p.total)), r.Step, p.total, p.describe(r))
}

// describe gives loss, errors, rate and time left.
func (p *Progress) describe(r Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "loss %.3e", r.Loss)
	for _, e := range r.Errors {
		if !math.IsNaN(e.Value) {
			fmt.Fprintf(&b, "  error %s %.2e", e.Name, e.Value)
		}
	}
	if r.Rate > 0 {
		fmt.Fprintf(&b, "  %s steps/s  %s left", rate(r.Rate), left(float64(p.total-r.Step)/r.Rate))
	}
	return b.String()
}

func rate(x float64) string {
	if x < 10 {
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.0f", x)
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
