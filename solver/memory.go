package solver

import "unsafe"

// Bytes is what the arrays take that a step of Adam needs on this rank: tiles, jets, parameters with gradient and moments, planes of
// the point stage, points. It is the least that a rank can hold; the rest of what a process takes is what its libraries need, and
// what setting up leaves behind.
func (r *Run[T]) Bytes() int64 {
	values := 0
	for _, a := range [][][]T{r.adam.M, r.adam.V} {
		for _, v := range a {
			values += len(v)
		}
	}
	for _, t := range r.step.stage.terms {
		values += t.n * (len(t.inputs) - t.jets + len(t.residual) + 1)
	}
	return r.Cloud.Bytes() + int64(values)*int64(unsafe.Sizeof(T(0)))
}
