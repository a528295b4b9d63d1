package ktest

import (
	"math"
	"math/rand/v2"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/host"
)

// adamUlps is the error allowed after a few updates, in units of epsilon: of the moments relative to themselves, of the
// parameters relative to their size and the step. A step takes a handful of operations.
const adamUlps = 32

// Adam compares several updates with the reference: parameters of any number, gradients from tiny to large, and zero.
func Adam[T kernels.Real](t *testing.T, b kernels.Backend[T]) {
	for _, n := range []int{0, 1, 15, 16, 17, 1000} {
		draw := rand.New(rand.NewPCG(6, uint64(n)))
		var theta, m, v []T
		var whole [3][]T
		whole[0], theta = guarded[T](t, n)
		whole[1], m = guarded[T](t, n)
		whole[2], v = guarded[T](t, n)
		grad := owned(t, make([]T, n))
		for i := range theta {
			theta[i] = T(draw.Float64() - .5)
		}
		thetaRef, mRef, vRef := widened(theta), widened(m), widened(v)
		var there [3][]T
		for i, w := range whole {
			there[i] = onBackend(t, b, w)
		}
		gradThere := onBackend(t, b, grad)
		inner := func(w []T) []T { return w[guard : guard+n : guard+n] }
		step := kernels.AdamStep{Rate: float64(T(1e-3)), Beta1: .9, Beta2: .999, Eps: 1e-8}
		for step.Step = 1; step.Step <= 5; step.Step++ {
			for i := range grad {
				grad[i] = T((draw.Float64() - .3) * math.Pow(10, float64(4-i%9)))
				if i%11 == 10 {
					grad[i] = 0
				}
			}
			if err := b.Write(gradThere, grad); err != nil {
				t.Fatal(err)
			}
			b.Adam(step, inner(there[0]), gradThere, inner(there[1]), inner(there[2]))
			host.New().Adam(step, thetaRef, widened(grad), mRef, vRef)
		}
		for i, w := range whole {
			if err := b.Read(w, there[i]); err != nil {
				t.Fatal(err)
			}
		}
		tolerance := adamUlps * epsilon[T]()
		for i := range theta {
			size := math.Pow(10, float64(4-i%9)) // of the gradients; the mean of both signs may cancel
			if e := math.Abs(float64(m[i]) - mRef[i]); !(e <= tolerance*size) {
				t.Fatalf("n = %d: m[%d] = %v, reference %v", n, i, m[i], mRef[i])
			}
			if e := math.Abs(float64(v[i]) - vRef[i]); !(e <= tolerance*vRef[i]) {
				t.Fatalf("n = %d: v[%d] = %v, reference %v", n, i, v[i], vRef[i])
			}
			if e := math.Abs(float64(theta[i]) - thetaRef[i]); !(e <= tolerance*(math.Abs(thetaRef[i])+step.Rate)) {
				t.Fatalf("n = %d: θ[%d] = %v, reference %v", n, i, theta[i], thetaRef[i])
			}
		}
		for _, w := range whole {
			checkGuard(t, w)
		}
	}
}
