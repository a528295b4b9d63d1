package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/io/snapshot"
	"fbpinn-mpi/solver"
	"fbpinn-mpi/solver/reference"
)

// Constants of the ladder of grids on which a classical solver is tried. They decide how far it goes, not what it finds.
const (
	coarsest   = 8       // points of the longest axis of the first grid, about
	mostPoints = 1 << 25 // of a grid: its fields then take a quarter of a GiB each
	asymptotic = 1e-2    // an error above may stand still only because the grid is too coarse to see the solution
	falling    = 0.9     // an error that is not below this share of the best has stopped falling
	standstill = 3       // grids in a row without a better error that end the ladder
	quick      = 500 * time.Millisecond
)

// ladder runs the classical solver of the job in a file on grids that double, until its error stops falling or the time is spent; nil
// where the job names none.
func ladder(s *snapshot.Snapshot, unknown string, of func(solver.Error) float64, budget time.Duration) (*curve, error) {
	text, _ := s.Attr("config_toml").(string)
	job, err := jobfile.Decode("config_toml", text, nil)
	if err != nil {
		return nil, err
	}
	l, err := understand(job)
	if err != nil {
		return nil, err
	}
	if l.job.Problem.Reference.Solver == "" {
		return nil, nil
	}
	k, err := exactPlace(l, unknown)
	if err != nil {
		return nil, err
	}
	size := slices.Max(l.classicalShape())
	for _, o := range l.job.Problem.Reference.Options {
		if o.Name == "n" {
			size = int(o.Value)
		}
	}
	c := &curve{name: "classical solver", cores: "1"}
	began := time.Now()
	best, still := math.Inf(1), 0
	var last error
	for factor := math.Exp2(-math.Floor(math.Log2(math.Max(1, float64(size)/coarsest)))); ; factor *= 2 {
		scale := func(n int) int { return max(4, int(math.Round(float64(n)*factor))) }
		step := time.Now()
		r, err := l.classicalOn(scale, true)
		if err == nil && r.Seconds < quick.Seconds() { // what takes so little is timed three times
			for range 2 {
				again, err := l.classicalOn(scale, true)
				if err == nil && again.Seconds < r.Seconds {
					r = again
				}
			}
		}
		points := 1.0
		if err == nil {
			var errs []solver.Error
			if errs, err = l.classicalErrors(r); err != nil {
				return nil, err
			}
			for _, a := range r.Axes {
				points *= float64(len(a))
			}
			if e := of(errs[k]); !math.IsNaN(e) && !math.IsInf(e, 0) {
				c.solvers = r.Method
				c.at, c.seconds, c.error = append(c.at, grid(r)), append(c.seconds, r.Seconds), append(c.error, e)
				if still++; e < falling*best {
					still = 0
				}
				best = min(best, e)
			}
		} else {
			last = err // an explicit method on a coarse grid may diverge
		}
		growth := math.Exp2(float64(len(l.job.Domain)))
		if best < asymptotic && still >= standstill || points*growth > mostPoints || factor*float64(size) > mostPoints ||
			time.Since(began)+time.Duration(growth*float64(time.Since(step))) > budget {
			break
		}
	}
	if len(c.error) == 0 {
		return nil, fmt.Errorf("the classical solver found nothing on any grid: %w", last)
	}
	c.name += ": " + c.solvers
	return c, nil
}

// exactPlace is the place of an unknown among those with an exact solution, the order of errors.
func exactPlace(l *loaded, unknown string) (int, error) {
	exact, err := l.problem.Exact(l.test)
	if err != nil {
		return 0, err
	}
	at := 0
	for k, u := range l.problem.Unknowns {
		switch {
		case u == unknown && exact != nil && exact[k] != nil:
			return at, nil
		case exact != nil && exact[k] != nil:
			at++
		}
	}
	return 0, fmt.Errorf("the job in the file has no exact solution %s", unknown)
}

func grid(r *reference.Result) string {
	var n []string
	for _, k := range shape(r.Axes) {
		n = append(n, strconv.Itoa(k))
	}
	return strings.Join(n, " x ")
}

// mostColumns bounds the thresholds of a table, so that a line stays legible.
const mostColumns = 10

// table prints the time to powers of ten.
func table(w io.Writer, curves []*curve, classical *curve) {
	all := slices.Clone(curves)
	if classical != nil {
		all = append(all, classical)
	}
	best := math.Inf(1)
	for _, c := range curves {
		best = min(best, slices.Min(c.error))
	}
	decades := 16 // an error of 0 reaches them all
	if best > 0 {
		decades = min(decades, max(1, int(math.Floor(-math.Log10(best)))))
	}
	every := (decades-1)/mostColumns + 1
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "run\tranks")
	var thresholds []float64
	for e := decades - (decades-1)/every*every; e <= decades; e += every {
		thresholds = append(thresholds, math.Pow10(-e))
		fmt.Fprintf(t, "\tto 1e-%d", e)
	}
	fmt.Fprintln(t, "\tfinal error\tseconds\twhole program")
	for _, c := range all {
		fmt.Fprintf(t, "%s\t%s", c.label(), c.cores)
		for _, e := range thresholds {
			if k := c.fastest(e); k >= 0 {
				fmt.Fprintf(t, "\t%.3g", c.seconds[k])
			} else {
				fmt.Fprint(t, "\t-")
			}
		}
		fmt.Fprintf(t, "\t%.2e\t%.3g", c.final(), c.seconds[len(c.seconds)-1])
		if c.whole > 0 {
			fmt.Fprintf(t, "\t%.3g", c.whole)
		}
		fmt.Fprintln(t)
	}
	t.Flush()
}

// label is a name for tables.
func (c *curve) label() string {
	if c.whole == 0 {
		return "classical solver"
	}
	return c.name
}

// verdict says who is faster at the least error of each run, by training alone and, where that changes it, with the whole program.
func verdict(w io.Writer, curves []*curve, classical *curve) {
	fmt.Fprintf(w, "\nclassical solver: %s, grids %s to %s, as implemented here, one core\n", classical.solvers, classical.at[0], classical.at[len(classical.at)-1])
	for _, c := range curves {
		e := slices.Min(c.error)
		t := c.seconds[c.fastest(e)]
		k := classical.fastest(e)
		switch {
		case k < 0:
			fmt.Fprintf(w, "%s wins: %.2e in %.3g s; the classical solver ends at %.2e after %.3g s\n", c.name, e, t, slices.Min(classical.error),
				classical.seconds[len(classical.seconds)-1])
		case classical.seconds[k] <= t:
			fmt.Fprintf(w, "the classical solver wins against %s: %.2e in %.3g s on %s points, where %.2e took %.3g s of training, %.3g times as long\n",
				c.name, classical.error[k], classical.seconds[k], classical.at[k], e, t, t/classical.seconds[k])
		default:
			fmt.Fprintf(w, "%s wins: %.2e in %.3g s of training; the classical solver takes %.3g s on %s points for %.2e, %.3g times as long\n",
				c.name, e, t, classical.seconds[k], classical.at[k], classical.error[k], classical.seconds[k]/t)
			if c.whole > classical.seconds[k] {
				fmt.Fprintf(w, "  but the whole program took %.3g s: the classical solver wins against that\n", c.whole)
			}
		}
	}
}

// rows is the table of all points as comma-separated values.
func rows(curves []*curve, classical *curve) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write([]string{"run", "solver", "ranks", "kind", "step_or_grid", "seconds", "error"}) // errors stick: a buffer takes all
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	points := func(c *curve, kind string) {
		for k, e := range c.error {
			w.Write([]string{c.label(), c.solvers, c.cores, kind, c.at[k], number(c.seconds[k]), number(e)})
		}
	}
	for _, c := range curves {
		points(c, "training")
		w.Write([]string{c.label(), c.solvers, c.cores, "whole program", c.at[len(c.at)-1], number(c.whole), number(c.final())})
	}
	if classical != nil {
		points(classical, "classical")
	}
	w.Flush()
	return b.String()
}
