package scaling

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"fbpinn-mpi/io/h5"
)

// WriteCSV writes a line for each number of ranks. What is missing is empty.
func (s *Study) WriteCSV(w io.Writer) error {
	columns := slices.Concat(s.Columns(), s.PhaseColumns())
	c := csv.NewWriter(w)
	head := []string{"kind", "solver", "ranks"}
	for _, v := range columns {
		head = append(head, v.Name)
	}
	if err := c.Write(head); err != nil {
		return fmt.Errorf("scaling: %w", err)
	}
	for i := range s.Rows {
		line := []string{s.Kind, s.Rows[i].First().Solver, strconv.Itoa(s.Rows[i].Ranks)}
		for _, v := range columns {
			text := ""
			if x := v.Values[i]; !math.IsNaN(x) {
				text = strconv.FormatFloat(x, 'g', 10, 64)
			}
			line = append(line, text)
		}
		if err := c.Write(line); err != nil {
			return fmt.Errorf("scaling: %w", err)
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("scaling: %w", err)
	}
	return nil
}

// WriteH5 replaces path by a file that xarray opens: the results along ranks; times, phases, iterations and losses of every
// repetition along (ranks, repeat); and what each rank has and sends along (ranks, process), missing beyond the last. The attributes of
// the first measurement become the file's.
func (s *Study) WriteH5(path string, attrs []h5.Attr) error {
	if err := h5.Replace(path, func(f *h5.File) error { return s.write(f, attrs) }); err != nil {
		return fmt.Errorf("scaling: %w", err)
	}
	return nil
}

// write relies on the file's sticky error.
func (s *Study) write(f *h5.File, attrs []h5.Attr) error {
	f.SetAttr("/", "Conventions", "CF-1.10")
	for _, a := range attrs {
		f.SetAttr("/", a.Name, a.Value)
	}
	var ranks []int32
	repeats, processes := 0, 0
	for i := range s.Rows {
		r := &s.Rows[i]
		ranks = append(ranks, int32(r.Ranks))
		repeats, processes = max(repeats, len(r.Points)), max(processes, r.Ranks)
	}
	axis := func(name, long string, v []int32) {
		h5.Write(f, "/"+name, v)
		f.SetAttr("/"+name, "units", "1")
		f.SetAttr("/"+name, "long_name", long)
		f.Scale("/" + name)
	}
	axis("ranks", "number of ranks", ranks)
	axis("repeat", "repetition", counted(1, repeats))
	axis("process", "number of a rank in its run", counted(0, processes))
	variable := func(name, units, long string, v []float64, axes ...string) {
		dims := []int{len(ranks)}
		for _, a := range axes {
			dims = append(dims, map[string]int{"repeat": repeats, "process": processes}[a])
		}
		h5.Write(f, "/"+name, v, dims...)
		f.SetAttr("/"+name, "units", units)
		f.SetAttr("/"+name, "long_name", long)
		for a, of := range append([]string{"ranks"}, axes...) {
			f.Attach("/"+name, "/"+of, a)
		}
	}
	for _, c := range s.Columns() {
		variable(c.Name, c.Units, c.Long, c.Values)
	}
	each := func(name, units, long string, of func(p *Point) float64) {
		var v []float64
		for i := range s.Rows {
			for k := range repeats {
				x := math.NaN()
				if k < len(s.Rows[i].Points) && s.Rows[i].Points[k] != nil {
					x = of(s.Rows[i].Points[k])
				}
				v = append(v, x)
			}
		}
		variable(name, units, long, v, "repeat")
	}
	each("run_seconds", "s", "timed part of the run, of the slowest rank", func(p *Point) float64 { return p.Seconds })
	each("run_steps", "1", "steps in it", func(p *Point) float64 { return float64(p.Steps) })
	each("run_iterations", "1", "iterations of linear solvers in it", func(p *Point) float64 { return float64(p.Iterations) })
	each("run_loss", "1", "loss at its end", func(p *Point) float64 { return p.Loss })
	for _, v := range s.Phases() {
		each(v.Variable(), "s", v.Row+": "+v.Name+", in run_seconds, mean over ranks", func(p *Point) float64 { return p.Unit() * p.Sum(v.Row, v.Name) })
	}
	of := func(name, units, long string, of func(q *Process) float64) {
		var v []float64
		for i := range s.Rows {
			p := s.Rows[i].First()
			for k := range processes {
				x := math.NaN()
				if k < len(p.Processes) {
					x = of(&p.Processes[k])
				}
				v = append(v, x)
			}
		}
		variable(name, units, long, v, "process")
	}
	of("process_pairs", "1", "pairs of a point and a network on this rank", func(q *Process) float64 { return float64(q.Pairs) })
	of("process_neighbours", "1", "ranks that this rank exchanges with", func(q *Process) float64 { return float64(q.Neighbours) })
	of("process_messages", "1", "messages that this rank sent in run_seconds", func(q *Process) float64 { return float64(q.Messages) })
	of("process_bytes", "B", "bytes in them", func(q *Process) float64 { return float64(q.Bytes) })
	of("process_exposed", "s", "waiting for messages in run_seconds", func(q *Process) float64 { return q.Exposed })
	return f.Err()
}

// counted is n numbers from the first.
func counted(first, n int) []int32 {
	v := make([]int32, n)
	for i := range v {
		v[i] = int32(first + i)
	}
	return v
}
