package scaling

import (
	"math"
	"slices"
	"strings"
)

// Study is the measurements of one job over numbers of ranks.
type Study struct {
	Kind string // weak, strong
	Rule string // how the job grows with the ranks
	Rows []Row  // the first is what efficiencies compare with
}

// Row is the repetitions of one number of ranks, at least one; nil where one is missing.
type Row struct {
	Ranks  int
	Points []*Point
}

// First is a measurement of the row, for what repetitions have in common.
func (r *Row) First() *Point {
	return r.Points[slices.IndexFunc(r.Points, func(p *Point) bool { return p != nil })]
}

// Shared tells whether ranks shared cores in some repetition, so that times say nothing.
func (r *Row) Shared() bool {
	return slices.ContainsFunc(r.Points, func(p *Point) bool { return p != nil && p.SharedCores })
}

// Values are a figure of all repetitions that are there, in ascending order.
func (r *Row) Values(of func(p *Point) float64) []float64 {
	var v []float64
	for _, p := range r.Points {
		if p != nil {
			v = append(v, of(p))
		}
	}
	slices.Sort(v)
	return v
}

// Median is that of the repetitions.
func (r *Row) Median(of func(p *Point) float64) float64 {
	v := r.Values(of)
	n := len(v)
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// Time is seconds a step or, for solvers of second order, of the whole training: see Point.Unit.
func Time(p *Point) float64 { return p.Seconds / p.Unit() }

// Sum is the mean over ranks of the phases of a row together, in the unit of Time; that of one phase if a name is given.
func (p *Point) Sum(row, name string) (seconds float64) {
	for _, v := range p.Phases {
		if v.Row == row && (name == "" || v.Name == name) {
			seconds += v.Mean / p.Unit()
		}
	}
	return seconds
}

// IterationTime is seconds of one iteration of the linear solver, NaN where there was none.
func IterationTime(p *Point) float64 {
	if p.Iterations == 0 {
		return math.NaN()
	}
	return p.Sum("solver", "iterations") / float64(p.Iterations)
}

// Efficiency is what the row makes of its ranks against the first row, for a cost of each rank that is the same where scaling is
// perfect (weak) or falls with their number (strong).
func (s *Study) Efficiency(r *Row, cost func(r *Row) float64) float64 {
	e := cost(&s.Rows[0]) / cost(r)
	if s.Kind == "strong" {
		e *= float64(s.Rows[0].Ranks) / float64(r.Ranks)
	}
	return e
}

// TimeEfficiency is that of the median time, NaN where ranks shared cores.
func (s *Study) TimeEfficiency(r *Row) float64 {
	if r.Shared() || s.Rows[0].Shared() {
		return math.NaN()
	}
	return s.Efficiency(r, func(r *Row) float64 { return r.Median(Time) })
}

// WorkEfficiency is that of the pairs of the rank with most: the loss to imbalance, whatever the machine.
func (s *Study) WorkEfficiency(r *Row) float64 {
	return s.Efficiency(r, func(r *Row) float64 { return float64(r.First().MostPairs()) })
}

// Column is a quantity with one number for each row; NaN: none.
type Column struct {
	Name, Units, Long string
	Values            []float64
}

// unit is what times of tables belong to, in words: see Point.Unit.
func (s *Study) unit() string {
	if s.Rows[0].First().SecondOrder {
		return "the whole training"
	}
	return "a step"
}

func (s *Study) column(name, units, long string, of func(r *Row) float64) Column {
	c := Column{Name: name, Units: units, Long: long}
	for i := range s.Rows {
		c.Values = append(c.Values, of(&s.Rows[i]))
	}
	return c
}

// Columns are the results of the study, but for phases.
func (s *Study) Columns() (list []Column) {
	unit := s.unit()
	add := func(name, units, long string, of func(r *Row) float64) {
		list = append(list, s.column(name, units, long, of))
	}
	first := func(of func(p *Point) float64) func(r *Row) float64 {
		return func(r *Row) float64 { return of(r.First()) }
	}
	mean := func(of func(q *Process) float64) func(r *Row) float64 {
		return first(func(p *Point) float64 { return p.mean(of) })
	}
	most := func(of func(q *Process) float64) func(r *Row) float64 {
		return first(func(p *Point) float64 { return p.most(of) })
	}
	perUnit := func(of func(q *Process) float64, pick func(func(q *Process) float64) func(r *Row) float64) func(r *Row) float64 {
		return func(r *Row) float64 { return pick(of)(r) / r.First().Unit() }
	}
	add("repeats", "1", "repetitions", func(r *Row) float64 { return float64(len(r.Values(Time))) })
	add("cores", "1", "cores that the ranks may use together", first(func(p *Point) float64 { return float64(p.Cores) }))
	add("shared_cores", "1", "1 where ranks shared cores: times say nothing about scaling", func(r *Row) float64 {
		if r.Shared() {
			return 1
		}
		return 0
	})
	add("subdomains", "1", "subdomains of all levels", first(func(p *Point) float64 { return float64(p.Subdomains) }))
	add("points", "1", "training points", first(func(p *Point) float64 { return float64(p.Points) }))
	add("pairs_mean", "1", "pairs of a point and a network, mean over ranks", first((*Point).MeanPairs))
	add("pairs_most", "1", "pairs of the rank with most", first(func(p *Point) float64 { return float64(p.MostPairs()) }))
	add("imbalance", "1", "pairs of the rank with most over the mean", first((*Point).Imbalance))
	add("imbalance_time", "1", "time in which a rank does not wait, of the rank with most over the mean; missing where ranks shared cores", func(r *Row) float64 {
		if r.Shared() {
			return math.NaN()
		}
		return r.Median((*Point).TimeImbalance)
	})
	add("work_efficiency", "1", "efficiency in pairs of the rank with most", s.WorkEfficiency)
	add("neighbours_most", "1", "ranks that a rank exchanges with, at most", most(func(q *Process) float64 { return float64(q.Neighbours) }))
	messages, sent := func(q *Process) float64 { return float64(q.Messages) }, func(q *Process) float64 { return float64(q.Bytes) }
	add("messages_mean", "1", "messages that a rank sends in "+unit, perUnit(messages, mean))
	add("messages_most", "1", "messages that a rank sends in "+unit+", at most", perUnit(messages, most))
	add("bytes_mean", "B", "bytes in the messages of a rank in "+unit, perUnit(sent, mean))
	add("bytes_most", "B", "bytes in the messages of a rank in "+unit+", at most", perUnit(sent, most))
	add("bytes_over_minimum", "1", "bytes exchanged over those with the cheaper mode for every pair of neighbours", first(func(p *Point) float64 {
		least := p.mean(func(q *Process) float64 { return float64(q.MinimumBytes) })
		if least == 0 {
			return math.NaN()
		}
		return p.mean(func(q *Process) float64 { return float64(q.StepBytes) }) / least
	}))
	add("collective_bytes", "B", "bytes that a rank puts into collective operations in "+unit, perUnit(func(q *Process) float64 { return float64(q.CollectiveBytes) }, mean))
	add("iterations", "1", "iterations of linear solvers", func(r *Row) float64 { return r.Median(func(p *Point) float64 { return float64(p.Iterations) }) })
	add("seconds", "s", "median time of "+unit+", of the slowest rank", func(r *Row) float64 { return r.Median(Time) })
	add("seconds_least", "s", "least of the repetitions", func(r *Row) float64 { return r.Values(Time)[0] })
	add("seconds_most", "s", "largest of the repetitions", func(r *Row) float64 { v := r.Values(Time); return v[len(v)-1] })
	add("efficiency", "1", "parallel efficiency in time; missing where ranks shared cores", s.TimeEfficiency)
	add("seconds_iteration", "s", "median time of one iteration of linear solvers", func(r *Row) float64 { return r.Median(IterationTime) })
	add("efficiency_iteration", "1", "parallel efficiency of one iteration", func(r *Row) float64 {
		if r.Shared() || s.Rows[0].Shared() {
			return math.NaN()
		}
		return s.Efficiency(r, func(r *Row) float64 { return r.Median(IterationTime) })
	})
	add("exposed", "s", "of the time, waiting for messages, mean over ranks", func(r *Row) float64 {
		return r.Median(func(p *Point) float64 { return p.Sum("exposed", "") })
	})
	return list
}

// PhaseColumns are the median times of the phases.
func (s *Study) PhaseColumns() (list []Column) {
	for _, v := range s.Phases() {
		list = append(list, s.column(v.Variable(), "s", v.Row+": "+v.Name+", in "+s.unit()+", mean over ranks", func(r *Row) float64 {
			return r.Median(func(p *Point) float64 { return p.Sum(v.Row, v.Name) })
		}))
	}
	return list
}

// Phases lists the phases of any measurement, in the order of their first appearance.
func (s *Study) Phases() (list []Phase) {
	for i := range s.Rows {
		for _, p := range s.Rows[i].Points {
			if p == nil {
				continue
			}
			for _, v := range p.Phases {
				if !slices.ContainsFunc(list, func(w Phase) bool { return w.Row == v.Row && w.Name == v.Name }) {
					list = append(list, Phase{Row: v.Row, Name: v.Name})
				}
			}
		}
	}
	return list
}

// Variable is the name of the phase in tables and files.
func (v Phase) Variable() string { return v.Row + "_" + strings.ReplaceAll(v.Name, " ", "_") }
