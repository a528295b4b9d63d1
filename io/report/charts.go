package report

import (
	"encoding/json"
	"math"
	"slices"

	"fbpinn-mpi/io/runlog"
)

// chart is a set of curves over steps and over seconds of training, on a logarithmic axis.
type chart struct {
	Title   string    `json:"title"`
	Steps   []int64   `json:"steps"`
	Seconds []float64 `json:"seconds"`
	Curves  []curve   `json:"curves"`
	Marks   []mark    `json:"marks"`
}

type curve struct {
	Name   string   `json:"name"`
	Values positive `json:"values"`
	Heavy  bool     `json:"heavy"`
	Dashed bool     `json:"dashed"`
}

// mark is a step at which another solver or window begins.
type mark struct {
	Step    int64   `json:"step"`
	Seconds float64 `json:"seconds"`
	Text    string  `json:"text"`
}

// positive are numbers of which a logarithmic axis shows the positive ones: others become null.
type positive []float64

func (v positive) MarshalJSON() ([]byte, error) {
	list := make([]*float64, len(v))
	for i := range v {
		if v[i] > 0 && !math.IsInf(v[i], 0) {
			list[i] = &v[i]
		}
	}
	return json.Marshal(list)
}

// mostPoints of a curve: more than a screen has columns.
const mostPoints = 4000

// thinned keeps every so many reports, the last of all, and those that were tested where they are few.
func thinned(log []runlog.Report) (list []runlog.Report) {
	every := (len(log)-1)/mostPoints + 1
	tested := 0
	for _, r := range log {
		if len(r.Errors) > 0 {
			tested++
		}
	}
	for k, r := range log {
		if k%every == 0 || k == len(log)-1 || len(r.Errors) > 0 && tested <= mostPoints {
			list = append(list, r)
		}
	}
	return list
}

// shown drops curves without a value that a logarithmic axis has a place for.
func (c *chart) shown() {
	c.Curves = slices.DeleteFunc(c.Curves, func(one curve) bool { return !slices.ContainsFunc(one.Values, func(x float64) bool { return x > 0 }) })
}

func (r *Run) charts() []chart {
	log := thinned(r.Log)
	if len(log) == 0 {
		return []chart{}
	}
	plan := runlog.Plan{}
	if l := r.start(); l != nil {
		plan = l.Plan
	}
	of := func(title string) chart {
		c := chart{Title: title, Curves: []curve{}, Marks: []mark{}}
		for k, v := range log {
			c.Steps, c.Seconds = append(c.Steps, v.Step), append(c.Seconds, finite(v.Seconds))
			if k > 0 && (v.Window != log[k-1].Window || v.Stage != log[k-1].Stage) {
				c.Marks = append(c.Marks, mark{v.Step, finite(v.Seconds), plan.Place(v)})
			}
		}
		return c
	}
	// named adds the curves of a list of each report.
	named := func(c *chart, from func(v *runlog.Report) []runlog.Value, choose func(name string) (curve, bool)) {
		var names []string
		for k := range log {
			for _, v := range from(&log[k]) {
				if !slices.Contains(names, v.Name) {
					names = append(names, v.Name)
				}
			}
		}
		for _, name := range names {
			one, ok := choose(name)
			if !ok {
				continue
			}
			for k := range log {
				x := math.NaN()
				for _, v := range from(&log[k]) {
					if v.Name == name {
						x = v.Value
					}
				}
				one.Values = append(one.Values, x)
			}
			c.Curves = append(c.Curves, one)
		}
	}
	alone := func(c *chart, one curve, of func(v *runlog.Report) float64) {
		for k := range log {
			one.Values = append(one.Values, of(&log[k]))
		}
		c.Curves = append(c.Curves, one)
	}
	fall := of("Loss and error")
	alone(&fall, curve{Name: "loss"}, func(v *runlog.Report) float64 { return v.Loss })
	terms := 0
	named(&fall, func(v *runlog.Report) []runlog.Value { return v.Errors }, func(name string) (curve, bool) {
		return curve{Name: "normalised L1 error " + name, Heavy: true}, true
	})
	for _, v := range log {
		terms = max(terms, len(v.Terms))
	}
	if terms > 1 { // one is the loss itself
		named(&fall, func(v *runlog.Report) []runlog.Value { return v.Terms }, func(name string) (curve, bool) { return curve{Name: name, Dashed: true}, true })
	}
	pace := of("Steps a second, learning rate")
	alone(&pace, curve{Name: "steps/s"}, func(v *runlog.Report) float64 { return v.Rate })
	alone(&pace, curve{Name: "learning rate", Dashed: true}, func(v *runlog.Report) float64 { return v.Learning })
	list := []chart{fall, pace}
	if slices.ContainsFunc(log, func(v runlog.Report) bool { return len(v.Linear) > 0 }) {
		linear := of("Linear problems of the steps")
		named(&linear, func(v *runlog.Report) []runlog.Value { return v.Linear }, func(name string) (curve, bool) {
			return curve{Name: name}, slices.Contains([]string{"iterations", "condition", "damping", "length", "predicted"}, name)
		})
		list = append(list, linear)
	}
	for k := range list {
		list[k].shown()
	}
	return slices.DeleteFunc(list, func(c chart) bool { return len(c.Curves) == 0 })
}

func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}
