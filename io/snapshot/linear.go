package snapshot

import (
	"fmt"
	"math"
	"strings"

	"fbpinn-mpi/io/h5"
)

// Linear is what the linear problems of solvers of second order were like.
type Linear struct {
	Subdomain         []int32     // [n] its index in Decomposition: those whose columns were filtered last
	Columns, Kept     []int32     // [n] before and after the filter
	Largest, Smallest []float64   // [n] singular values of the columns, scaled to unit length: the largest, and the smallest kept
	Factorisations    []Series    // [factorisations] the first is the step that each was made for
	Step              []int32     // [solves] the step that each linear solve belongs to
	Gradient          [][]float64 // [solves] norm of the gradient before each iteration
	Attrs             []Attr
}

// Column of the factorisations, or nil.
func (l *Linear) Column(name string) []float64 {
	for _, s := range l.Factorisations {
		if s.Name == name {
			return s.Values
		}
	}
	return nil
}

func (l *Linear) check() {
	if n := len(l.Subdomain); len(l.Columns) != n || len(l.Kept) != n || len(l.Largest) != n || len(l.Smallest) != n || len(l.Step) != len(l.Gradient) {
		panic("snapshot: arrays of the linear problems of different length")
	}
	if len(l.Factorisations) == 0 {
		panic("snapshot: linear problems without factorisations")
	}
	for _, s := range l.Factorisations {
		if len(s.Values) != len(l.Factorisations[0].Values) {
			panic("snapshot: columns of the factorisations of different length")
		}
	}
}

// Places in the file. Gradients of shorter solves are filled up with NaN.
const (
	linearGroup  = "/linear"
	blockGroup   = linearGroup + "/subdomains"
	factorGroup  = linearGroup + "/factorisations"
	solveGroup   = linearGroup + "/solves"
	gradientName = solveGroup + "/gradient"
)

func (s *Snapshot) writeLinear(f *h5.File) {
	l := s.Linear
	f.Group(linearGroup)
	for _, a := range l.Attrs {
		f.SetAttr(linearGroup, a.Name, a.Value)
	}
	if n := len(l.Subdomain); n > 0 {
		f.Group(blockGroup)
		const scale = blockGroup + "/subdomain"
		h5.Write(f, scale, l.Subdomain)
		f.SetAttr(scale, "long_name", "index of the subdomain in the decomposition")
		f.Scale(scale)
		for _, a := range []struct {
			name, long string
			ints       []int32
			reals      []float64
		}{
			{"columns", "columns of the block", l.Columns, nil},
			{"kept", "columns that the filter kept", l.Kept, nil},
			{"largest", "largest singular value of the block with columns of unit length", nil, l.Largest},
			{"smallest", "smallest singular value that was kept", nil, l.Smallest},
		} {
			name := blockGroup + "/" + a.name
			if a.ints != nil {
				h5.Write(f, name, a.ints)
			} else {
				h5.Write(f, name, a.reals)
			}
			describe(f, name, "1", a.long)
			f.Attach(name, scale, 0)
		}
	}
	f.Group(factorGroup)
	var columns []string
	for i, c := range l.Factorisations {
		name := factorGroup + "/" + c.Name
		columns = append(columns, c.Name)
		h5.Write(f, name, c.Values)
		describe(f, name, c.Units, c.LongName)
		if i == 0 {
			f.Scale(name)
		} else {
			f.Attach(name, factorGroup+"/"+l.Factorisations[0].Name, 0)
		}
	}
	f.SetAttr(factorGroup, "column_order", strings.Join(columns, " "))
	if len(l.Step) == 0 {
		return
	}
	longest := 1
	for _, g := range l.Gradient {
		longest = max(longest, len(g))
	}
	var table []float64
	for _, g := range l.Gradient {
		table = append(table, g...)
		for range longest - len(g) {
			table = append(table, math.NaN())
		}
	}
	f.Group(solveGroup)
	const solve, iteration, step = solveGroup + "/solve", solveGroup + "/iteration", solveGroup + "/step"
	h5.Write(f, solve, index(len(l.Step)))
	f.Scale(solve)
	h5.Write(f, iteration, index(longest))
	f.Scale(iteration)
	h5.Write(f, step, l.Step)
	describe(f, step, "1", "training step that the linear solve belongs to")
	f.Attach(step, solve, 0)
	h5.Write(f, gradientName, table, len(l.Step), longest)
	describe(f, gradientName, "1", "norm of the gradient before the iteration, measured by the preconditioner")
	f.Attach(gradientName, solve, 0)
	f.Attach(gradientName, iteration, 1)
}

func (s *Snapshot) readLinear(f *h5.File) (err error) {
	l := &Linear{}
	attrs, err := f.Attrs(linearGroup)
	if err != nil {
		return err
	}
	l.Attrs = attrs
	if f.Has(blockGroup) {
		for name, to := range map[string]*[]int32{"subdomain": &l.Subdomain, "columns": &l.Columns, "kept": &l.Kept} {
			if *to, _, err = h5.Read[int32](f, blockGroup+"/"+name); err != nil {
				return err
			}
		}
		for name, to := range map[string]*[]float64{"largest": &l.Largest, "smallest": &l.Smallest} {
			if *to, _, err = h5.Read[float64](f, blockGroup+"/"+name); err != nil {
				return err
			}
		}
	}
	if l.Factorisations, err = readColumns(f, factorGroup); err != nil {
		return err
	}
	if len(l.Factorisations) == 0 {
		return fmt.Errorf("%s: %s has no columns, or has lost their names", f.Path(), factorGroup)
	}
	if f.Has(solveGroup) {
		if l.Step, _, err = h5.Read[int32](f, solveGroup+"/step"); err != nil {
			return err
		}
		table, dims, err := h5.Read[float64](f, gradientName)
		if err != nil {
			return err
		}
		if len(dims) != 2 || dims[0] != len(l.Step) {
			return fmt.Errorf("%s: gradients have shape %v for %d solves", f.Path(), dims, len(l.Step))
		}
		for k := range l.Step {
			g := table[k*dims[1] : (k+1)*dims[1]]
			for len(g) > 0 && math.IsNaN(g[len(g)-1]) {
				g = g[:len(g)-1]
			}
			l.Gradient = append(l.Gradient, g)
		}
	}
	s.Linear = l
	return nil
}
