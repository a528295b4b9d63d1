package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/solver/problem"
	"fbpinn-mpi/solver/region"
)

// places prints where the subdomains of unequally spaced levels are, and what levels lost to removed parts.
func (l *loaded) places(w io.Writer) {
	for i, level := range l.model.Dec.Levels {
		if n := level.Dropped(); n > 0 {
			fmt.Fprintf(w, "dropped     level %d: %s in removed parts\n", i+1, counted(n, "subdomain has its centre", "subdomains have their centres"))
		}
		for a, axis := range l.job.Domain {
			how := l.placed(i, a)
			if how == "" {
				continue
			}
			x := level.Centres(a)
			least, most := math.Inf(1), 0.0
			for j := 1; j < len(x); j++ {
				least, most = math.Min(least, x[j]-x[j-1]), math.Max(most, x[j]-x[j-1])
			}
			fmt.Fprintf(w, "centres     level %d along %s: %s, spaced by %.4g to %.4g", i+1, axis.Name, how, least, most)
			if n := level.Widened(a); n > 0 {
				fmt.Fprintf(w, "; %s than overlap x spacing, so that neighbours meet", counted(n, "subdomain wider", "subdomains wider"))
			}
			fmt.Fprintln(w)
		}
	}
}

// ranges writes a removed box, without the coordinates that it takes from end to end.
func ranges(job *jobfile.Job, b region.Box) string {
	var parts []string
	for a, axis := range job.Domain {
		if b.Lo[a] != axis.Lo || b.Hi[a] != axis.Hi {
			parts = append(parts, fmt.Sprintf("%s in [%.6g, %.6g]", axis.Name, b.Lo[a], b.Hi[a]))
		}
	}
	return strings.Join(parts, ", ")
}

// gauss says how the points of a term lie in cells, "" for other samplers.
func gauss(t *problem.Term) string {
	var points, cells []string
	free := 0
	for a, n := range t.Cells() {
		if t.Box[a].Fixed() {
			continue
		}
		cells, points = append(cells, fmt.Sprint(n)), append(points, fmt.Sprint(t.Points.Shape[free]))
		free++
	}
	if free == 0 {
		return ""
	}
	return fmt.Sprintf(", %s Gauss points in each of %s cells", strings.Join(points, " x "), strings.Join(cells, " x "))
}

// placed says how the centres of a level were chosen along an axis, "" where they are equally spaced or there is one.
func (l *loaded) placed(level, axis int) string {
	c := l.job.Decomposition
	if n := l.model.Dec.Levels[level].Centres(axis); len(n) < 2 {
		return ""
	}
	if finest := len(l.model.Dec.Levels) - 1; level == finest && len(c.Centres) > 0 && len(c.Centres[axis].Values) > 0 {
		return "listed"
	}
	for _, g := range c.Graded {
		if g.Axis == l.job.Domain[axis].Name {
			return fmt.Sprintf("graded towards %.6g, factor %.6g", g.Towards, g.Factor)
		}
	}
	return ""
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
