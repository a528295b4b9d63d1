package main

import (
	"fmt"
	"io"

	"fbpinn-mpi/io/plot"
	"fbpinn-mpi/io/snapshot"
	"fbpinn-mpi/solver"
)

// factorisationColumns are the figures of factorisations that files keep. plot.Phases names the columns that hold seconds.
var factorisationColumns = []struct {
	name, units, long string
	of                func(f *solver.Factorisation) float64
}{
	{"step", "1", "training step that it was made for", func(f *solver.Factorisation) float64 { return float64(f.Step) }},
	{"times", "1", "times that the matrix was factored: once for each damping", func(f *solver.Factorisation) float64 { return float64(f.Times) }},
	{"columns", "1", "columns of all blocks", func(f *solver.Factorisation) float64 { return float64(f.Columns) }},
	{"kept", "1", "columns that the filter kept", func(f *solver.Factorisation) float64 { return float64(f.Kept) }},
	{"coarse", "1", "coarse vectors", func(f *solver.Factorisation) float64 { return float64(f.Coarse) }},
	{"condition", "1", "condition number of the preconditioned problem, estimated; 0: not known", func(f *solver.Factorisation) float64 { return f.Condition }},
	{"ridge", "1", "ridge that the factor needed", func(f *solver.Factorisation) float64 { return f.Ridge }},
	{"entries", "1", "entries of the factors of all ranks", func(f *solver.Factorisation) float64 { return float64(f.Entries) }},
	{"flops", "1", "operations to factor once, all ranks", func(f *solver.Factorisation) float64 { return f.Flops }},
	{"flops_rank", "1", "operations to factor once, rank with the most", func(f *solver.Factorisation) float64 { return f.MostFlops }},
	{"bytes", "B", "memory of blocks, matrix, factor and coarse space, all ranks", func(f *solver.Factorisation) float64 { return float64(f.Bytes) }},
	{"bytes_rank", "B", "the same, rank with the most", func(f *solver.Factorisation) float64 { return float64(f.MostBytes) }},
	{"seconds_blocks", "s", "filling blocks, slowest rank", func(f *solver.Factorisation) float64 { return f.Blocks }},
	{"seconds_filter", "s", "filter, slowest rank", func(f *solver.Factorisation) float64 { return f.Filter }},
	{"seconds_normal", "s", "normal matrix, slowest rank", func(f *solver.Factorisation) float64 { return f.Normal }},
	{"seconds_factor", "s", "factor, slowest rank", func(f *solver.Factorisation) float64 { return f.Factor }},
	{"seconds_coarse", "s", "coarse space, slowest rank", func(f *solver.Factorisation) float64 { return f.Seconds.Coarse }},
	{"seconds_iterations", "s", "iterations, slowest rank", func(f *solver.Factorisation) float64 { return f.Iterations }},
}

// diagnose adds the diagnosis of a window, whose subdomains are numbered from first in the file, to what the file keeps.
func (o *output[T]) diagnose(d *solver.Diagnosis, first int) {
	if d == nil {
		return
	}
	if o.linear == nil {
		n := o.l.settings.Newton
		o.linear = &snapshot.Linear{Attrs: []snapshot.Attr{{Name: "blas", Value: n.Library.Describe()}, {Name: "dgemm_flops", Value: o.l.dgemm},
			{Name: "threads_per_rank", Value: int64(n.Linear.Workers)}}}
		for _, c := range factorisationColumns {
			o.linear.Factorisations = append(o.linear.Factorisations, snapshot.Series{Name: c.name, Units: c.units, LongName: c.long})
		}
	}
	l := o.linear
	for _, b := range d.Blocks {
		l.Subdomain = append(l.Subdomain, int32(first+b.Block))
		l.Columns, l.Kept = append(l.Columns, int32(b.Columns)), append(l.Kept, int32(b.Kept))
		l.Largest, l.Smallest = append(l.Largest, b.Largest), append(l.Smallest, b.Smallest)
	}
	for i := range d.Factorisations {
		f := d.Factorisations[i]
		f.Step += o.march.steps
		for c, column := range factorisationColumns {
			l.Factorisations[c].Values = append(l.Factorisations[c].Values, column.of(&f))
		}
	}
	for _, s := range d.Solves {
		l.Step, l.Gradient = append(l.Step, int32(o.march.steps+s.Step)), append(l.Gradient, s.Gradient)
	}
}

// summarise prints what the linear problems of a run were like, and what they cost.
func summarise(w io.Writer, s *snapshot.Snapshot) {
	l := s.Linear
	if l == nil {
		return
	}
	column := func(name string) []float64 { return l.Column(name) }
	last := func(name string) float64 { v := column(name); return v[len(v)-1] }
	columns, kept, weakest := 0, 0, 1.0
	var least, most int32
	for k := range l.Subdomain {
		columns, kept = columns+int(l.Columns[k]), kept+int(l.Kept[k])
		if k == 0 || l.Kept[k] < least {
			least = l.Kept[k]
		}
		most = max(most, l.Kept[k])
		if l.Kept[k] > 0 {
			weakest = min(weakest, l.Smallest[k]/l.Largest[k])
		}
	}
	iterations := 0
	for _, g := range l.Gradient {
		iterations += max(0, len(g)-1)
	}
	times, flops, seconds := 0.0, 0.0, 0.0
	for k, n := range column("times") {
		times += n
		flops += n * column("flops_rank")[k]
		seconds += column("seconds_factor")[k]
	}
	condition := "not estimated"
	if c := last("condition"); c > 0 {
		condition = fmt.Sprintf("%.3g", c)
	}
	fmt.Fprintf(w, "linear problems  %d solves, %d iterations, %d factorisations; %d of %d columns kept, %d to %d of a subdomain, singular values down to %.1e of the largest; condition with the preconditioner %s\n",
		len(l.Gradient), iterations, len(column("step")), kept, columns, least, most, weakest, condition)
	if c := last("coarse"); c > 0 {
		fmt.Fprintf(w, "coarse space     %.0f vectors\n", c)
	}
	if e := last("entries"); e > 0 {
		var rate, threads float64
		for _, a := range l.Attrs {
			switch v := a.Value.(type) {
			case float64:
				if a.Name == "dgemm_flops" {
					rate = v
				}
			case int64:
				if a.Name == "threads_per_rank" {
					threads = float64(v)
				}
			}
		}
		fmt.Fprintf(w, "factor           %.3g entries, %.3g GFLOP", e, last("flops")/1e9)
		if seconds > 0 && rate > 0 && threads > 0 {
			fmt.Fprintf(w, " at %.3g GFLOP/s a rank, analysis included: %.0f %% of the products measured at the start (%.3g GFLOP/s on %.0f threads)",
				flops/seconds/1e9, 100*flops/seconds/(rate*threads), rate*threads/1e9, threads)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "memory           %s in blocks, matrix, factor and coarse space, %s on the rank with the most\n", bytes(last("bytes")), bytes(last("bytes_rank")))
	fmt.Fprint(w, "seconds         ")
	total := 0.0
	for _, ph := range plot.Phases {
		sum := 0.0
		for _, v := range column(ph.Column) {
			sum += v
		}
		total += sum
		fmt.Fprintf(w, " %s %.3g,", ph.Name, sum)
	}
	fmt.Fprintf(w, " rest %.3g\n", max(0, plot.LinearSeconds(s)-total))
}
