package optim

import (
	"fmt"

	"fbpinn-mpi/kernels"
)

// Updater is the part of kernels.Backend that Adam uses.
type Updater[T kernels.Real] interface {
	kernels.Memory[T]
	Adam(a kernels.AdamStep, theta, grad, m, v []T)
}

// Betas are Adam's numbers: decay of the first and of the second moment, and what is added to the root of the second.
type Betas struct{ Beta1, Beta2, Epsilon float64 }

// Paper is what Kingma & Ba 2015 recommend and all published FBPINN runs keep.
func Paper() Betas { return Betas{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8} }

// Adam holds the moments of parameters that lie in several groups, one a level. The bias correction counts steps of the whole
// run, so a subdomain that joins late is corrected as in the papers (docs/theory.md, section 8), and its moments stay with it.
type Adam[T kernels.Real] struct {
	M, V [][]T // per group, in memory of the backend; files keep them
	Step int   // steps begun
	set  Betas
	b    Updater[T]
}

// NewAdam starts at zero moments for groups of the given numbers of parameters.
func NewAdam[T kernels.Real](b Updater[T], set Betas, sizes ...int) (*Adam[T], error) {
	a := &Adam[T]{b: b, set: set}
	for _, n := range sizes {
		for _, moments := range []*[][]T{&a.M, &a.V} {
			v, err := b.Make(n)
			if err != nil {
				return nil, fmt.Errorf("optim: moments: %w", err)
			}
			*moments = append(*moments, v)
		}
	}
	return a, nil
}

// Begin starts the next step, before its first Update.
func (a *Adam[T]) Begin() { a.Step++ }

// Update moves parameters at .. at+len(theta)-1 of a group against their gradient. Groups, and stretches of one group (the
// subdomains being trained), may be updated in any order and at any time of the step.
func (a *Adam[T]) Update(group, at int, rate float64, theta, grad []T) {
	if a.Step == 0 {
		panic("optim: Update before Begin")
	}
	if len(theta) != len(grad) {
		panic("optim: parameters and gradient differ in length")
	}
	if len(theta) == 0 {
		return
	}
	end := at + len(theta)
	a.b.Adam(kernels.AdamStep{Rate: rate, Beta1: a.set.Beta1, Beta2: a.set.Beta2, Eps: a.set.Epsilon, Step: a.Step},
		theta, grad, a.M[group][at:end], a.V[group][at:end])
}

// Close frees the moments.
func (a *Adam[T]) Close() {
	for g := range a.M {
		a.b.Free(a.M[g])
		a.b.Free(a.V[g])
	}
	a.M, a.V = nil, nil
}
