package jobfile

import (
	"fmt"
	"slices"
	"strings"
)

// finish checks what concerns several keys together.
func (d *decoder) finish() {
	if len(d.errs) > 0 {
		return // half a job would only give faults that follow from others
	}
	j := d.job
	if d.axes() == 0 {
		d.about("domain", "the domain has no coordinate", "add one: x = [0, 1]")
		return
	}
	if len(j.Problem.Weights) == 0 {
		j.Problem.Weights = slices.Repeat([]float64{1}, len(j.Problem.Equations))
	}
	d.clashes()
	d.decomposition()
	d.points(&j.Points.Interior)
	for i := range j.Problem.Conditions {
		c := &j.Problem.Conditions[i]
		for k, o := range j.Problem.Conditions[:i] {
			if c.Name != "" && c.Name == o.Name {
				d.about(fmt.Sprintf("problem.conditions[%d].name", i), fmt.Sprintf("conditions %d and %d are both called %s", k+1, i+1, c.Name), "give them different names")
			}
		}
	}
	d.active(&j.Train.Active)
	d.windows(j.Train.Windows)
	d.stages(&j.Train)
}

// Steps of a stage that gives none.
const (
	gradientSteps    = 20000
	secondOrderSteps = 30
)

// stages settles who trains, how long and in which precision. A job without stages is one of a single stage.
func (d *decoder) stages(t *Train) {
	if len(t.Stages) == 0 {
		t.Stages = []Stage{{Solver: t.Solver, Steps: t.Steps}}
	} else {
		for _, name := range []string{"train.solver", "train.steps"} {
			if _, given := d.doc.find(name); given {
				d.about(name, name+" stands beside train.stages", "delete it: every stage has a solver and steps of its own")
				return
			}
		}
		t.Solver = "" // not the default, which nobody asked for
	}
	second := ""
	total := 0
	for i := range t.Stages {
		s := &t.Stages[i]
		if s.Steps == 0 {
			s.Steps = gradientSteps
			if SecondOrder(s.Solver) {
				s.Steps = secondOrderSteps
			}
		}
		if s.Rate == 0 {
			s.Rate = t.Rate
		}
		if SecondOrder(s.Solver) {
			second = s.Solver
		}
		total += s.Steps
	}
	t.Steps = total
	switch {
	case second == "" && t.Continuation.Parameter != "":
		d.about("train.continuation", "only least-squares and gauss-newton follow a continuation", "delete it, or choose one of them")
	case second == "" || t.Precision == "float64":
	case t.Precision == "float32":
		d.about("train.precision", second+" needs float64", `delete the key or write precision = "float64"`)
	}
	if t.Precision == "" {
		t.Precision = "float32"
		if second != "" {
			t.Precision = "float64"
		}
	}
	if second != "" && d.job.Parallel.Exchange == "jets" {
		d.about("parallel.exchange", second+" keeps its blocks where the points are: it exchanges parameters", "delete the key")
	}
	if c := t.Continuation; c.Parameter != "" && !slices.ContainsFunc(d.job.Parameters, func(p Named) bool { return p.Name == c.Parameter }) {
		d.about("train.continuation.parameter", c.Parameter+" is no parameter", "name one of [parameters]")
	}
}

// about reports a fault at a key by its path.
func (d *decoder) about(path, msg, remedy string) {
	n, found := d.doc.find(path)
	if !found || n.kind == table {
		d.failKey(n, path, msg, remedy)
		return
	}
	d.failAt(n.src, n.keyOrValue(), path, msg, remedy)
}

// keyOrValue is where a fault of the whole entry is shown: at its name, or at an element of a list.
func (n *node) keyOrValue() int {
	if n.key == "" {
		return n.at
	}
	return n.keyAt
}

// clashes finds names that mean two things.
func (d *decoder) clashes() {
	owner := map[string]string{}
	claim := func(name, what, path string) {
		if o, taken := owner[name]; taken {
			d.about(path, fmt.Sprintf("%s is both %s and %s", name, o, what), "rename one of them")
			return
		}
		owner[name] = what
	}
	for _, a := range d.job.Domain {
		claim(a.Name, "a coordinate", "domain."+a.Name)
	}
	for _, p := range d.job.Parameters {
		claim(p.Name, "a parameter", "parameters."+p.Name)
	}
	for _, f := range d.job.Functions {
		claim(f.Name, "a function", "functions."+f.Name)
	}
	for i, u := range d.job.Problem.Unknowns {
		claim(u, "an unknown", fmt.Sprintf("problem.unknowns[%d]", i))
	}
}

// decomposition wants one way to place subdomains: by levels and centres, or by themselves.
func (d *decoder) decomposition() {
	c := &d.job.Decomposition
	levels, centres, free := len(c.Levels) > 0, len(c.Centres) > 0, len(c.Subdomains) > 0
	switch {
	case !levels && !centres && !free:
		d.about("decomposition", "nothing says where the subdomains are", "add: levels = [1, 2, 4]")
		return
	case free && (levels || centres):
		other := "centres"
		if levels {
			other = "levels"
		}
		d.about("decomposition.subdomains", fmt.Sprintf("subdomains are given by %s and by subdomains", other), "keep one of them")
		return
	}
	if len(c.Widths) > 0 && !centres {
		d.about("decomposition.widths", "widths go with centres", "delete them, or give centres")
	}
	if len(c.Graded) > 0 && !levels {
		d.about("decomposition.graded", "grading goes with levels", "delete it, or say in levels how many subdomains there are")
	}
	if centres {
		d.tensor(c)
	}
	if free {
		have := make([]bool, c.levels()+1)
		for _, s := range c.Subdomains {
			have[s.Level] = true
		}
		if l := slices.Index(have[1:], false); l >= 0 {
			d.about("decomposition.subdomains", fmt.Sprintf("level %d has no subdomain", l+1), fmt.Sprintf("number levels from 1 to %d without gaps", c.levels()))
		}
	}
	if len(d.job.Train.Rates) > 0 && len(d.job.Train.Rates) != c.levels() {
		d.about("train.rates", fmt.Sprintf("train.rates has %s; levels: %d", elements(len(d.job.Train.Rates)), c.levels()), "one per level")
	}
}

// tensor checks centres and widths and sorts them into the order of the coordinates.
func (d *decoder) tensor(c *Decomposition) {
	find := func(l []AxisValues, axis string) []float64 {
		if i := slices.IndexFunc(l, func(v AxisValues) bool { return v.Axis == axis }); i >= 0 {
			return l[i].Values
		}
		return nil
	}
	var centres, widths []AxisValues
	spaced := false // some axis takes its widths from the overlap
	for k, a := range d.coords() {
		p, w := find(c.Centres, a), find(c.Widths, a)
		graded := slices.ContainsFunc(c.Graded, func(g Graded) bool { return g.Axis == a })
		switch {
		case len(p) == 0 && len(w) > 0:
			d.about("decomposition.widths."+a, fmt.Sprintf("widths along %s without centres", a), "give the centres too, or delete the widths")
			return
		case len(p) == 0 && len(c.Levels) == 0:
			d.about("decomposition.centres", "no centres along "+a, fmt.Sprintf("add: %s = [...], or say in levels how many subdomains there are", a))
			return
		case len(w) > 0 && len(p) != len(w):
			d.about("decomposition.widths."+a, fmt.Sprintf("%d widths for %d centres along %s", len(w), len(p), a), "one width per centre")
			return
		case len(p) > 0 && graded:
			d.about("decomposition.graded."+a, fmt.Sprintf("the centres along %s are listed and graded", a), "keep one of them")
			return
		}
		if l := len(c.Levels); l > 0 && len(p) > 0 && c.Levels[l-1][k] != len(p) {
			d.about("decomposition.centres."+a, fmt.Sprintf("%d centres along %s, where the finest level has %d subdomains", len(p), a, c.Levels[l-1][k]),
				"centres are those of the finest level: list as many, or leave levels out")
			return
		}
		for i := 1; i < len(p); i++ {
			if p[i] <= p[i-1] { // false for numbers that wait for Resolve; solver/decomp checks those
				d.about(fmt.Sprintf("decomposition.centres.%s[%d]", a, i), "centres do not ascend", "sort them, and the widths with them")
				return
			}
		}
		spaced = spaced || len(w) == 0
		centres, widths = append(centres, AxisValues{a, p}), append(widths, AxisValues{a, w})
	}
	if _, given := d.doc.find("decomposition.overlap"); given && !spaced && len(c.Levels) < 2 {
		d.about("decomposition.overlap", "overlap has no meaning where all axes have widths", "delete it, or the widths")
		return
	}
	if !spaced && len(c.Levels) < 2 {
		c.Overlap = nil // the default
	}
	c.Centres, c.Widths = centres, widths
}

// points wants a shape for a grid or cells, and a shape or a count for the other samplers.
func (d *decoder) points(p *PointSet) {
	const path = "points.interior"
	number := "100, "
	if p.Sampler == "cells" {
		number = "5, "
	}
	example := "shape = [" + strings.TrimSuffix(strings.Repeat(number, d.axes()), ", ") + "]"
	switch {
	case len(p.Shape) > 0 && p.Count > 0:
		d.about(path+".count", "both shape and count are given", "keep one of them")
	case (p.Sampler == "grid" || p.Sampler == "cells") && p.Count > 0:
		d.about(path+".count", fmt.Sprintf("sampler %s needs a number of points per coordinate", p.Sampler), "write "+example)
	case len(p.Shape) == 0 && p.Count == 0:
		d.about(path, "the number of points is missing", "add "+example)
	}
}

// active checks the scheduler against the coordinates; time becomes a line or plane from t = low.
func (d *decoder) active(a *Active) {
	const path = "train.active"
	free := len(a.Free)
	want := map[string]int{"point": 0, "line": 1, "plane": 2}
	switch a.Scheduler {
	case "all":
		for _, k := range []struct {
			name string
			is   bool
		}{{"point", len(a.Point) > 0}, {"free", free > 0}, {"steps", a.Steps > 0}} {
			if k.is {
				d.about(path+"."+k.name, fmt.Sprintf("%s has no meaning where all subdomains train", k.name), `delete it, or choose another scheduler, such as scheduler = "point"`)
			}
		}
	case "time":
		coords := d.coords()
		t := slices.Index(coords, "t")
		switch {
		case t < 0:
			d.about(path+".scheduler", "scheduler time needs a coordinate named t", fmt.Sprintf("coordinates: %s; use scheduler line and name the free ones", strings.Join(coords, ", ")))
		case free > 0 || len(a.Point) > 0:
			d.about(path, "scheduler time chooses point and free itself", "delete them, or use scheduler line or plane")
		default:
			a.Free = slices.Delete(coords, t, t+1)
		}
	default:
		n := want[a.Scheduler]
		if n >= d.axes() {
			d.about(path+".scheduler", fmt.Sprintf("scheduler %s needs at least %d coordinates", a.Scheduler, n+1), fmt.Sprintf("the domain has %d", d.axes()))
		} else if free != n {
			d.about(path, fmt.Sprintf("scheduler %s takes %d in free, not %d", a.Scheduler, n, free), "coordinates: "+strings.Join(d.coords(), ", "))
		}
	}
}

// windows wants one way to cut, and a state to start from.
func (d *decoder) windows(w *Windows) {
	const path = "train.windows"
	switch {
	case w == nil:
	case w.Count > 0 && len(w.At) > 0:
		d.about(path+".at", "both count and at are given", "keep one of them")
	case w.Count == 0 && len(w.At) == 0:
		d.about(path, "nothing says how many windows there are", "add: count = 8")
	case len(w.Start) == 0:
		d.about(path+".start", "no state is given", fmt.Sprintf("add: %s = \"...\"", d.job.Problem.Unknowns[0]))
	case !slices.Contains(d.coords(), w.Axis):
		d.about(path+".axis", w.Axis+" is no coordinate", d.meant(w.Axis, "coordinate", d.coords()))
	case d.job.Train.Active.Scheduler != "all":
		d.about("train.active", "windows have an order already: a schedule of subdomains does not go with them", "delete it, or the windows")
	}
}
