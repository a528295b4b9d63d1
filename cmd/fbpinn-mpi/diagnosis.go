package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"fbpinn-mpi/io/checkpoint"
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

// linearOf turns the diagnosis of a window, whose subdomains are numbered from first in the file and whose steps come after so many, into
// what the file keeps; nil for none.
func linearOf(d *solver.Diagnosis, first, steps int) *snapshot.Linear {
	if d == nil {
		return nil
	}
	l := &snapshot.Linear{}
	for _, b := range d.Blocks {
		l.Subdomain = append(l.Subdomain, int32(first+b.Block))
		l.Columns, l.Kept = append(l.Columns, int32(b.Columns)), append(l.Kept, int32(b.Kept))
		l.Largest, l.Smallest = append(l.Largest, b.Largest), append(l.Smallest, b.Smallest)
	}
	for _, column := range factorisationColumns {
		c := snapshot.Series{Name: column.name, Units: column.units, LongName: column.long}
		for _, f := range d.Factorisations {
			f.Step += steps
			c.Values = append(c.Values, column.of(&f))
		}
		l.Factorisations = append(l.Factorisations, c)
	}
	for _, s := range d.Solves {
		l.Step, l.Gradient = append(l.Step, int32(steps+s.Step)), append(l.Gradient, s.Gradient)
	}
	return l
}

// joined is a diagnosis and what came after it; either may be nil. Blocks of a subdomain that was filtered again replace the old ones.
func joined(a, b *snapshot.Linear) *snapshot.Linear {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	l := &snapshot.Linear{Step: slices.Concat(a.Step, b.Step), Gradient: slices.Concat(a.Gradient, b.Gradient)}
	again := map[int32]bool{}
	for _, j := range b.Subdomain {
		again[j] = true
	}
	for _, x := range []*snapshot.Linear{a, b} {
		for k, j := range x.Subdomain {
			if x == a && again[j] {
				continue
			}
			l.Subdomain, l.Columns, l.Kept = append(l.Subdomain, j), append(l.Columns, x.Columns[k]), append(l.Kept, x.Kept[k])
			l.Largest, l.Smallest = append(l.Largest, x.Largest[k]), append(l.Smallest, x.Smallest[k])
		}
	}
	for k, c := range a.Factorisations {
		c.Values = slices.Concat(c.Values, b.Factorisations[k].Values)
		l.Factorisations = append(l.Factorisations, c)
	}
	return l
}

// linearPrefix begins the names of the arrays of a checkpoint that hold the diagnosis so far.
const linearPrefix = "linear_"

// linearArrays puts a diagnosis into a checkpoint.
func linearArrays(l *snapshot.Linear) (list []checkpoint.Array) {
	if l == nil {
		return nil
	}
	var table, gradients []float64
	var lengths []int32
	for _, c := range l.Factorisations {
		table = append(table, c.Values...)
	}
	for _, g := range l.Gradient {
		gradients, lengths = append(gradients, g...), append(lengths, int32(len(g)))
	}
	whole := func(name string, v []int32) {
		var wide []int64
		for _, x := range v {
			wide = append(wide, int64(x))
		}
		if len(v) > 0 {
			list = append(list, checkpoint.Of(linearPrefix+name, wide))
		}
	}
	reals := func(name string, v []float64) {
		if len(v) > 0 {
			list = append(list, checkpoint.Of(linearPrefix+name, v))
		}
	}
	whole("subdomain", l.Subdomain)
	whole("columns", l.Columns)
	whole("kept", l.Kept)
	reals("largest", l.Largest)
	reals("smallest", l.Smallest)
	whole("step", l.Step)
	whole("lengths", lengths)
	reals("gradients", gradients)
	reals("factorisations", table)
	return list
}

// linearFrom reads it back; nil where a checkpoint has none.
func linearFrom(c *checkpoint.Checkpoint) (*snapshot.Linear, error) {
	if _, ok := c.Array(linearPrefix + "factorisations"); !ok {
		return nil, nil
	}
	var wrong error
	reals := func(name string) (v []float64) {
		if a, ok := c.Array(linearPrefix + name); ok {
			var err error
			v, err = checkpoint.As[float64](a)
			wrong = errors.Join(wrong, err)
		}
		return v
	}
	whole := func(name string) (list []int32) {
		if a, ok := c.Array(linearPrefix + name); ok {
			v, err := checkpoint.As[int64](a)
			wrong = errors.Join(wrong, err)
			for _, x := range v {
				list = append(list, int32(x))
			}
		}
		return list
	}
	l := &snapshot.Linear{Subdomain: whole("subdomain"), Columns: whole("columns"), Kept: whole("kept"), Step: whole("step"),
		Largest: reals("largest"), Smallest: reals("smallest")}
	table, gradients, lengths := reals("factorisations"), reals("gradients"), whole("lengths")
	if wrong != nil {
		return nil, wrong
	}
	n := len(table) / len(factorisationColumns)
	for k, column := range factorisationColumns {
		l.Factorisations = append(l.Factorisations, snapshot.Series{Name: column.name, Units: column.units, LongName: column.long, Values: table[k*n : (k+1)*n]})
	}
	for _, k := range lengths {
		l.Gradient, gradients = append(l.Gradient, gradients[:k]), gradients[k:]
	}
	return l, nil
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
