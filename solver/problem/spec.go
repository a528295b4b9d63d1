// Package problem gives a job's equations their meaning: it turns strings and numbers into compiled residual programs, the
// points where they are evaluated, and exact solutions. It knows neither networks nor ranks.
//
// Symbols as in solver/doc.go: coordinates a < d, unknowns k < n_u, jet components c < n_c, terms of the loss
//
//	loss = Σ_terms λ · Σ_i w_i r_i²,  Σ_i w_i = 1        docs/theory.md, section 8
//
// All points are stored as [d][n], points fastest.
package problem

import (
	"fmt"

	"fbpinn-mpi/solver/expr"
	"fbpinn-mpi/solver/region"
)

// Spec is a problem in plain strings and numbers, as a job file gives it.
type Spec struct {
	Axes       []Axis       // at most kernels.MaxD, in the order of the coordinates
	Removed    []region.Box // parts of the box of the axes that do not belong to the domain
	Parameters []Named      // a later one may use earlier ones
	Functions  []Function   // helper functions, used in all expressions

	Unknowns  []string
	Equations []string  // "left = right"
	Weights   []float64 // λ per equation; nil: all 1
	Interior  PointSpec

	// Cells are the ends of the cells into which sampler "cells" divides each axis, [d], ascending, both ends of the domain
	// among them; nil where there are none.
	Cells [][]float64

	Ansatz     []Named // per unknown, in raw unknowns and coordinates; an unknown without one stays as it is
	Exact      []Named // per unknown, in coordinates
	Nullspace  []Named // functions in coordinates that may be added to an unknown, one element each
	Conditions []ConditionSpec

	Slab *Slab // the window of an evolution problem; nil: the whole domain, without names for its ends and start

	// External functions that expressions may call, such as cole_hopf.
	External map[string]expr.External
}

// Axis is one coordinate and its range.
type Axis struct {
	Name     string
	Lo, Hi   float64
	Periodic bool
}

// Named is an expression that has a name.
type Named struct{ Name, Text string }

// Function is a helper function: Name(Args) = Body.
type Function struct {
	Name string
	Args []string
	Body string
}

// PointSpec is a sampler and its number of points. A grid and cells need a Shape; the others take the product of Shape or Count.
type PointSpec struct {
	Sampler string // grid, uniform, sobol, halton, cells
	Shape   []int  // one number per free axis; of cells: in each cell
	Count   int
	Equal   bool // cells: all points count the same, in place of the space that they stand for
}

// ConditionSpec is a soft constraint on a part of the domain.
type ConditionSpec struct {
	Name     string  // "": made up from On
	On       string  // "x = 0", "t = 0, x = [0, 1/2]", "interior"; "" where Box is given
	Box      []Place // overrides On
	Residual []string
	Weight   float64
	Points   PointSpec // Sampler "" = that of the interior
}

// Place fixes a coordinate (Lo == Hi) or narrows its range.
type Place struct {
	Coord  string
	Lo, Hi float64
}

// Error is a fault in a job's mathematics. Key is the path of the job's key, such as "problem.conditions[0].residual[1]";
// Col is the column in that string, from 1, or 0 where the whole of it is meant.
type Error struct {
	Key  string
	Col  int
	Msg  string
	Hint string // remedy, "" if there is none
}

func (e *Error) Error() string {
	s := e.Key
	if e.Col > 0 {
		s = fmt.Sprintf("%s, column %d", s, e.Col)
	}
	s += ": " + e.Msg
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}
