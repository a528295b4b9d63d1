package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"fbpinn-mpi/io/plot"
	"fbpinn-mpi/io/runlog"
	"fbpinn-mpi/io/snapshot"
)

// Lists longer than this show their last entries and say so.
const mostRows = 30

// tail keeps the end of a list of rows.
func tail(t table) table {
	if n := len(t.Rows); n > mostRows {
		t.Title += fmt.Sprintf(" (the last %d of %d)", mostRows, n)
		t.Rows = t.Rows[n-mostRows:]
	}
	return t
}

// some leaves out tables without rows.
func some(title, note string, tables ...table) section {
	s := section{Title: title, Note: note}
	for _, t := range tables {
		if len(t.Rows) > 0 {
			s.Tables = append(s.Tables, tail(t))
		}
	}
	return s
}

func number(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.4g", x)
}

func share(x, of float64) string {
	if !(of > 0) {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*x/of)
}

func size(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < 1024 {
			return fmt.Sprintf("%.3g %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.3g TiB", n)
}

// column of the history; nil if there is none.
func (r *Run) column(name string) []float64 {
	if r.Solution != nil {
		for _, h := range r.Solution.History {
			if h.Name == name {
				return h.Values
			}
		}
	}
	return nil
}

// figures are the numbers that one looks for first.
func (r *Run) figures() (list []figure) {
	add := func(name, value string) { list = append(list, figure{name, value}) }
	if n := len(r.Log); n > 0 {
		last := r.Log[n-1]
		var errors []runlog.Value
		for _, v := range r.Log {
			if len(v.Errors) > 0 {
				errors = v.Errors
			}
		}
		for _, e := range errors {
			add("normalised L1 error "+e.Name, fmt.Sprintf("%.2e", e.Value))
		}
		add("loss", fmt.Sprintf("%.3e", last.Loss))
		add("steps", fmt.Sprint(last.Step))
		add("s of training", number(last.Seconds))
	}
	if s := r.Solution; s != nil {
		if w, ok := s.Attr("wall_seconds").(float64); ok {
			add("s in all", number(w))
		}
	}
	if l := r.start(); l != nil {
		add("ranks", fmt.Sprint(l.Ranks))
	}
	return list
}

// errors of each unknown at the end, and where they were least.
func (r *Run) errors() section {
	t := table{Head: []string{"unknown", "normalised L1", "mean absolute", "relative L2", "largest", "least normalised L1", "at step"}}
	if r.Solution == nil {
		return section{}
	}
	steps := r.column("step")
	for _, u := range plot.Unknowns(r.Solution) {
		row := []string{u}
		for _, name := range []string{"error_", "l1_", "l2_", "max_"} {
			v := r.column(name + u)
			k := len(v) - 1
			for k >= 0 && math.IsNaN(v[k]) {
				k--
			}
			if k < 0 {
				break
			}
			row = append(row, fmt.Sprintf("%.4e", v[k]))
		}
		if len(row) < 5 {
			continue
		}
		least, at := math.Inf(1), math.NaN()
		for k, x := range r.column("error_" + u) {
			if x < least {
				least, at = x, steps[k]
			}
		}
		t.Rows = append(t.Rows, append(row, fmt.Sprintf("%.4e", least), number(at)))
	}
	return some("Errors", "On the test grid, against the exact solution. A run in windows tests each window alone until its end.", t)
}

// residuals and errors of single subdomains: by level, and the worst.
func (r *Run) residuals() section {
	s := r.Solution
	if s == nil || s.Decomposition == nil {
		return section{}
	}
	dec := s.Decomposition
	levels := table{Title: "Levels", Head: []string{"level", "quantity", "subdomains", "least", "median", "largest"}}
	worst := table{Title: "Subdomains with the largest residual, of the finest level", Head: []string{"subdomain", "centre", "width", "rank", "quantity", "root mean square"}}
	finest := slices.Max(append([]int32{0}, dec.Level...))
	const worstRows = 5
	for _, f := range s.Fields {
		residual := strings.HasPrefix(f.Name, "residual_")
		if !residual && !strings.HasSuffix(f.Name, "_error") {
			continue
		}
		rms := local(s, f.Data)
		for level := int32(0); level <= finest; level++ {
			var of []int // subdomains with test points, best first
			for j, l := range dec.Level {
				if l == level && !math.IsNaN(rms[j]) {
					of = append(of, j)
				}
			}
			if len(of) == 0 {
				continue
			}
			slices.SortStableFunc(of, func(a, b int) int {
				switch {
				case rms[a] < rms[b]:
					return -1
				case rms[a] > rms[b]:
					return 1
				}
				return 0
			})
			n := len(of)
			levels.Rows = append(levels.Rows, []string{fmt.Sprint(level + 1), f.LongName, fmt.Sprint(n), number(rms[of[0]]), number(rms[of[n/2]]), number(rms[of[n-1]])})
			if level < finest || !residual {
				continue
			}
			for k := range min(worstRows, n) {
				j, d := of[n-1-k], len(s.Coords)
				rank := fmt.Sprint(dec.Owner[j])
				if dec.Owner[j] < 0 {
					rank = "all"
				}
				worst.Rows = append(worst.Rows, []string{fmt.Sprint(j), list(dec.Centre[j*d : (j+1)*d]), list(dec.Width[j*d : (j+1)*d]), rank, f.LongName, number(rms[j])})
			}
		}
	}
	return some("Residuals and errors by subdomain", "Root mean squares over the points of the test grid in the box of each subdomain.", levels, worst)
}

func list(x []float64) string {
	var words []string
	for _, v := range x {
		words = append(words, fmt.Sprintf("%.4g", v))
	}
	return strings.Join(words, ", ")
}

// times say where the seconds went.
func (r *Run) times() section {
	tasks := table{Title: "Tasks of a step of the last launch, on rank 0", Head: []string{"task", "s", "share", "ms a step"}}
	whole := table{Title: "Launches", Head: []string{"started", "ranks", "ended by", "wall s", "of which checkpoints, s", "share"}}
	var start, end runlog.Event
	written := 0.0
	launched := func() {
		if start.What == "" {
			return
		}
		seconds := end.Time.Sub(start.Time).Seconds()
		whole.Rows = append(whole.Rows, []string{stamp(start), fmt.Sprint(start.Launch.Ranks), ending(end), number(seconds), number(written), share(written, seconds)})
	}
	for _, e := range r.Events {
		if e.What == runlog.Started && e.Launch != nil {
			launched()
			start, written = e, 0
		}
		if end = e; e.What == runlog.Checkpointed {
			written += e.Seconds
		}
		if len(e.Tasks) > 0 {
			tasks.Rows = nil
			total := 0.0
			for _, t := range e.Tasks {
				total += t.Seconds
			}
			for _, t := range e.Tasks {
				tasks.Rows = append(tasks.Rows, []string{t.Name, number(t.Seconds), share(t.Seconds, total), number(1e3 * t.Seconds / float64(max(t.Steps, 1)))})
			}
		}
	}
	launched()
	return some("Times", "", whole, tasks, r.phases())
}

func ending(e runlog.Event) string {
	switch e.What {
	case runlog.Ended, runlog.Stopped, runlog.Failed:
		return e.What
	}
	return "no last word"
}

func stamp(e runlog.Event) string { return e.Time.UTC().Format("2006-01-02 15:04:05") }

// phases of the linear solver.
func (r *Run) phases() table {
	t := table{Title: "Phases of the linear solver, slowest rank", Head: []string{"phase", "s", "share of the steps"}}
	if r.Solution == nil || r.Solution.Linear == nil {
		return t
	}
	steps, rest := plot.LinearSeconds(r.Solution), plot.LinearSeconds(r.Solution)
	for _, ph := range plot.Phases {
		sum := 0.0
		for _, v := range r.Solution.Linear.Column(ph.Column) {
			sum += v
		}
		rest -= sum
		t.Rows = append(t.Rows, []string{ph.Name, number(sum), share(sum, steps)})
	}
	t.Rows = append(t.Rows, []string{"rest: trial steps, messages", number(max(0, rest)), share(max(0, rest), steps)})
	return t
}

// linear is what the linear problems were like.
func (r *Run) linear() section {
	if r.Solution == nil || r.Solution.Linear == nil {
		return section{}
	}
	l := r.Solution.Linear
	levels := table{Title: "What the filter kept", Head: []string{"level", "subdomains", "columns", "kept", "share", "least of a subdomain", "most", "smallest singular value over largest"}}
	type sum struct {
		n, columns, kept, least, most int
		weakest                       float64
	}
	var sums []sum
	for k, j := range l.Subdomain {
		level := 0
		if dec := r.Solution.Decomposition; dec != nil {
			level = int(dec.Level[j])
		}
		for len(sums) <= level {
			sums = append(sums, sum{least: math.MaxInt, weakest: math.NaN()})
		}
		s, kept := &sums[level], int(l.Kept[k])
		s.n, s.columns, s.kept = s.n+1, s.columns+int(l.Columns[k]), s.kept+kept
		s.least, s.most = min(s.least, kept), max(s.most, kept)
		if ratio := l.Smallest[k] / l.Largest[k]; kept > 0 && !(ratio >= s.weakest) {
			s.weakest = ratio
		}
	}
	for level, s := range sums {
		if s.n > 0 {
			levels.Rows = append(levels.Rows, []string{fmt.Sprint(level + 1), fmt.Sprint(s.n), fmt.Sprint(s.columns), fmt.Sprint(s.kept),
				share(float64(s.kept), float64(s.columns)), fmt.Sprint(s.least), fmt.Sprint(s.most), number(s.weakest)})
		}
	}
	factors := table{Title: "Factorisations"}
	for _, c := range l.Factorisations {
		if !strings.HasPrefix(c.Name, "seconds_") && c.Name != "bytes_rank" && c.Name != "flops_rank" {
			factors.Head = append(factors.Head, strings.ReplaceAll(c.Name, "_", " "))
			for k, v := range c.Values {
				if k == len(factors.Rows) {
					factors.Rows = append(factors.Rows, nil)
				}
				cell := number(v)
				if c.Name == "bytes" {
					cell = size(v)
				}
				factors.Rows[k] = append(factors.Rows[k], cell)
			}
		}
	}
	solves := table{Title: "Linear solves", Head: []string{"step", "iterations", "gradient at the start", "at the end"}}
	for k, g := range l.Gradient {
		row := []string{fmt.Sprint(l.Step[k]), fmt.Sprint(max(0, len(g)-1)), "-", "-"}
		if n := len(g); n > 0 {
			row[2], row[3] = number(g[0]), number(g[n-1])
		}
		solves.Rows = append(solves.Rows, row)
	}
	library := table{Title: "Library", Text: true}
	for _, a := range l.Attrs {
		library.Rows = append(library.Rows, []string{strings.ReplaceAll(a.Name, "_", " "), fmt.Sprint(a.Value)})
	}
	return some("Linear solver", "", levels, factors, solves, library)
}

// messages are what ranks exchange.
func (r *Run) messages() section {
	t := table{Head: []string{"launch", "window", "on", "subdomains", "levels", "points", "pairs a step", "imbalance", "neighbours at most", "they exchange", "sent a step",
		"over the least", "values all-reduced"}}
	launch, ranks := 0, 1
	for _, e := range r.Events {
		if e.What == runlog.Started && e.Launch != nil {
			launch, ranks = launch+1, e.Launch.Ranks
		}
		if y := e.Layout; y != nil {
			over := "-"
			if y.Minimum > 0 {
				over = fmt.Sprintf("%.3f", float64(y.Bytes)/float64(y.Minimum))
			}
			t.Rows = append(t.Rows, []string{fmt.Sprint(launch), fmt.Sprint(y.Window), y.Backend, fmt.Sprint(y.Subdomains), fmt.Sprint(y.Levels), fmt.Sprint(y.Points),
				fmt.Sprint(y.Pairs), fmt.Sprintf("%.3f", float64(y.PairsRank)*float64(ranks)/float64(max(y.Pairs, 1))), fmt.Sprint(y.Neighbours), y.Exchange,
				size(float64(y.Bytes)), over, fmt.Sprint(y.Reduced)})
		}
	}
	return some("Work and messages", "Pairs are of a subdomain and a point in it; imbalance is that of the rank with most pairs over the mean.", t)
}

func (r *Run) warnings() section {
	t := table{Text: true, Head: []string{"time", "step", "warning"}}
	for _, e := range r.Events {
		if e.What == runlog.Warned {
			t.Rows = append(t.Rows, []string{stamp(e), fmt.Sprint(e.Step), e.Text})
		}
	}
	if r.Bad > 0 {
		t.Rows = append(t.Rows, []string{"", "", fmt.Sprintf("%d lines of %s are unreadable", r.Bad, runlog.LogName)})
	}
	return some("Warnings", "", t)
}

// life lists what befell the run, checkpoints apart.
func (r *Run) life() section {
	events := table{Text: true, Title: "Events", Head: []string{"time (UTC)", "step", "event", ""}}
	saved := table{Title: "Checkpoints", Head: []string{"time (UTC)", "step", "s to write", "on the disk"}}
	for _, e := range r.Events {
		text := e.Text
		switch e.What {
		case runlog.Warned:
			continue
		case runlog.Checkpointed:
			there := "replaced by later ones"
			for _, f := range r.Files {
				if f.Name() == fmt.Sprintf("checkpoint-%d.h5", e.Step) {
					there = size(float64(f.Size()))
				}
			}
			saved.Rows = append(saved.Rows, []string{stamp(e), fmt.Sprint(e.Step), number(e.Seconds), there})
			continue
		case runlog.Started:
			if l := e.Launch; l != nil {
				text = fmt.Sprintf("%s, on %s, ranks: %d", l.Command, l.Host, l.Ranks)
				if l.Slurm != "" {
					text += ", Slurm job " + l.Slurm
				}
			}
		case runlog.WindowBegun:
			if e.Layout == nil || e.Layout.Window == 1 {
				continue
			}
			text = fmt.Sprint(e.Layout.Window)
		case runlog.Failed:
			text = fmt.Sprintf("%s (exit code %d)", e.Text, e.Code)
		}
		events.Rows = append(events.Rows, []string{stamp(e), fmt.Sprint(e.Step), e.What, text})
	}
	return some("Life of the run", "", events, saved)
}

// provenance says who made the run, with what.
func (r *Run) provenance() section {
	t := table{Text: true}
	add := func(name, value string) {
		if value != "" {
			t.Rows = append(t.Rows, []string{name, value})
		}
	}
	if l := r.start(); l != nil && r.Solution == nil {
		add("program version", l.Version)
		add("command", l.Command)
		add("host", l.Host)
		add("job sha256", l.JobSHA256)
	}
	if r.Solution != nil {
		for _, a := range r.Solution.Attrs {
			if a.Name != "title" && a.Name != "references" && a.Name != "config_toml" {
				add(strings.ReplaceAll(a.Name, "_", " "), fmt.Sprint(a.Value))
			}
		}
	}
	return section{Title: "Provenance", Tables: keep(t)}
}

func (r *Run) files() section {
	t := table{Text: true, Head: []string{"file", "size"}}
	for _, f := range r.Files {
		t.Rows = append(t.Rows, []string{f.Name(), size(float64(f.Size()))})
	}
	return section{Title: "Files", Note: r.Dir, Tables: keep(t)}
}

// keep is a list of one table, if it has rows.
func keep(t table) []table {
	if len(t.Rows) == 0 {
		return nil
	}
	return []table{t}
}

// local is the root mean square of a field over the grid points in the box of each subdomain; NaN where there is none.
func local(s *snapshot.Snapshot, field []float64) []float64 {
	dec, d := s.Decomposition, len(s.Coords)
	rms := make([]float64, dec.N())
	for j := range rms {
		from, to := make([]int, d), make([]int, d)
		for a, c := range s.Coords {
			lo, hi := dec.Centre[j*d+a]-dec.Width[j*d+a]/2, dec.Centre[j*d+a]+dec.Width[j*d+a]/2
			from[a], _ = slices.BinarySearch(c.Values, lo)
			to[a], _ = slices.BinarySearch(c.Values, hi)
			if to[a] < len(c.Values) && c.Values[to[a]] == hi {
				to[a]++
			}
		}
		sum, n := boxed(field, s.Shape(), from, to)
		rms[j] = math.Sqrt(sum / float64(n)) // NaN for 0/0
	}
	return rms
}

// boxed sums the squares of a row-major field over a box of indices, without what is NaN, and counts them.
func boxed(field []float64, shape, from, to []int) (sum float64, n int) {
	if len(shape) == 0 {
		if x := field[0]; !math.IsNaN(x) {
			return x * x, 1
		}
		return 0, 0
	}
	stride := len(field) / shape[0]
	for i := from[0]; i < to[0]; i++ {
		s, k := boxed(field[i*stride:(i+1)*stride], shape[1:], from[1:], to[1:])
		sum, n = sum+s, n+k
	}
	return sum, n
}
