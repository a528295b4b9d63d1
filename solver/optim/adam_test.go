package optim

import (
	"math"
	"testing"

	"fbpinn-mpi/kernels"
)

// textbook is Algorithm 1 of Kingma & Ba 2015 as it stands there.
type textbook struct {
	kernels.Processor[float64]
	calls []kernels.AdamStep
}

func (b *textbook) Adam(a kernels.AdamStep, theta, grad, m, v []float64) {
	b.calls = append(b.calls, a)
	k := float64(a.Step)
	for i, g := range grad {
		m[i] = a.Beta1*m[i] + (1-a.Beta1)*g
		v[i] = a.Beta2*v[i] + (1-a.Beta2)*g*g
		theta[i] -= a.Rate * (m[i] / (1 - math.Pow(a.Beta1, k))) / (math.Sqrt(v[i]/(1-math.Pow(a.Beta2, k))) + a.Eps)
	}
}

// Under a constant gradient g the corrected moments are g and g², so every step moves by Rate·g/(|g|+ε), whatever k is. A stretch
// that joins at step k is corrected by k and moves by (1-β1)/(1-β1^k) · √((1-β2^k)/(1-β2)) of that at first.
func TestAdamClosedForm(t *testing.T) {
	const rate, steps, joins = 1e-2, 50, 11
	const tolerance = 1e-12 // 50 steps of 1e-2, each rounded to a few 1e-16 relative in the corrections
	b := &textbook{}
	set := Paper()
	a, err := NewAdam[float64](b, set, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	coarse, fine := []float64{1, 2, 3}, []float64{5, 6}
	gc, gf := []float64{0.5, -2, 0}, []float64{1e-3, -1e3}
	for k := 1; k <= steps; k++ {
		a.Begin()
		a.Update(1, 0, 2*rate, fine[:1], gf[:1])
		if k == joins {
			before := fine[1]
			a.Update(1, 1, rate, fine[1:], gf[1:])
			want := rate * (1 - set.Beta1) / (1 - math.Pow(set.Beta1, joins)) * math.Sqrt((1-math.Pow(set.Beta2, joins))/(1-set.Beta2))
			if got := fine[1] - before; math.Abs(got-want) > tolerance {
				t.Errorf("a stretch that joins late moves by %v, want %v", got, want)
			}
		}
		a.Update(0, 0, rate, coarse, gc)
	}
	for i, want := range []float64{
		1 - steps*rate*0.5/(0.5+set.Epsilon), 2 + steps*rate*2/(2+set.Epsilon), 3} {
		if math.Abs(coarse[i]-want) > tolerance {
			t.Errorf("parameter %d is %v, want %v", i, coarse[i], want)
		}
	}
	if want := 5 - 2*steps*rate*1e-3/(1e-3+set.Epsilon); math.Abs(fine[0]-want) > tolerance {
		t.Errorf("fine parameter is %v, want %v", fine[0], want)
	}
	if last := b.calls[len(b.calls)-1]; last.Step != steps || last.Beta1 != set.Beta1 || last.Beta2 != set.Beta2 || last.Eps != set.Epsilon {
		t.Errorf("last call %+v", last)
	}
	calls := len(b.calls)
	a.Update(1, 2, rate, nil, nil) // a rank without subdomains of a level
	if len(b.calls) != calls {
		t.Error("an empty group reached the backend")
	}
}
