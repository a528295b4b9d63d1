package expr

import (
	"fmt"
	"slices"

	"fbpinn-mpi/kernels"
)

// Residual holds the programs of the residuals r_e(x, U) of one loss term, E of them, in the raw unknowns' jets U_k.
// Every program reads the planes of Jets, then of Columns, then those named.
type Residual struct {
	Jets     []*Node         // jets that occur
	Columns  []*Node         // functions of the point alone, computed once (Eval)
	Value    kernels.Program // → r_e
	Gradient kernels.Program // and q → r_e, then Ū_k = q Σ_e r_e ∂r_e/∂U_k: the step of first-order solvers in one pass
	Tangent  kernels.Program // and dU_k → Σ_k ∂r_e/∂U_k dU_k
	Adjoint  kernels.Program // and w_e → Ū_k = Σ_e w_e ∂r_e/∂U_k
}

// CompileResidual writes the programs of the residuals rs. Gradient, tangent and adjoint come from the value by sweeps over
// its tape. Where a residual is affine in the jets, its coefficients and constant part are columns.
func (g *Graph) CompileResidual(rs []*Node) (*Residual, error) {
	r := &Residual{Jets: g.Jets(rs...)}
	l, jets := newLowering(g, r.Jets)
	l.collect = true
	t := l.t
	var res []value
	for e, n := range rs {
		v, err := l.node(n)
		if err != nil {
			return nil, fmt.Errorf("residual %d: %w", e+1, err)
		}
		res = append(res, v)
	}
	r.Columns = l.columns
	planes := slices.Clone(jets)
	for _, c := range r.Columns {
		planes = append(planes, l.at[c])
	}
	fresh := func(n int) []value {
		vs := make([]value, n)
		for i := range vs {
			vs[i] = t.input()
		}
		return vs
	}

	r.Value = t.program(planes, res)

	q := t.input()
	weighted := make([]value, len(res))
	for e, v := range res {
		weighted[e] = t.mul(q, v)
	}
	grad := t.adjoint(res, weighted, jets)
	r.Gradient = t.program(slices.Concat(planes, []value{q}), slices.Concat(res, grad))

	dots := fresh(len(jets))
	r.Tangent = t.program(slices.Concat(planes, dots), t.tangent(res, jets, dots))

	seeds := fresh(len(res))
	r.Adjoint = t.program(slices.Concat(planes, seeds), t.adjoint(res, seeds, jets))
	return r, nil
}
