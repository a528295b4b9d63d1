package kernels

import "sort"

// Product is one term of Leibniz' rule for jets, (f g)_C += Coef · f_A · g_B.
type Product struct {
	C, A, B int32
	Coef    float64
}

// Composition is one term of Faà di Bruno's formula for jets, y = φ(z):
//
//	y_C += Coef · φ⁽ᴼʳᵈᵉʳ⁾(z) · z_F[0] ⋯ z_F[Order-1]
//
// A term with the n-th derivative of φ has exactly n factors; the value's own term has Order 0 and none. F is padded with 0.
type Composition struct {
	C, Order int32
	Coef     float64
	F        [MaxOrder]int32
}

// Factors returns the components that a term multiplies, ascending.
func (t *Composition) Factors() []int32 { return t.F[:t.Order] }

// Products lists the terms of the product of two jets (docs/theory.md, section 6), by C, then A:
//
//	(f g)_m = Σ_{k≤m} binom(m,k) f_k g_{m-k},   binom(m,k) = Π_a binom(m_a, k_a)
//
// A jet set is downward closed, so k and m-k are always in it.
func (j Jets) Products() []Product {
	var ps []Product
	for c, m := range j.Index {
		for a, k := range j.Index {
			rest, coef, inside := MultiIndex{}, 1.0, true
			for x := range m {
				if k[x] > m[x] {
					inside = false
					break
				}
				rest[x] = m[x] - k[x]
				coef *= binomial(m[x], k[x])
			}
			if inside {
				ps = append(ps, Product{C: int32(c), A: int32(a), B: int32(j.Find(rest)), Coef: coef})
			}
		}
	}
	return ps
}

func binomial(n, k uint8) float64 {
	b := 1.0
	for i := range k {
		b = b * float64(n-i) / float64(i+1)
	}
	return b
}

// Compositions lists the terms of a function of a jet (docs/theory.md, section 6), by C, then Order, then factors. Write the
// derivative m as a list of single derivatives, ∂_a1 … ∂_ar; every way to sort them into n boxes gives one term with φ⁽ⁿ⁾ and
// a factor for each box. Equal terms are collected in Coef:
//
//	y_xx = φ' z_xx + φ'' z_x z_x,   y_xxxx = φ' z4 + φ''(4 z1 z3 + 3 z2 z2) + 6 φ''' z1 z1 z2 + φ'''' z1 z1 z1 z1
func (j Jets) Compositions() []Composition {
	var ts []Composition
	for c, m := range j.Index {
		var axes []int
		for a, k := range m {
			for range k {
				axes = append(axes, a)
			}
		}
		count := map[Composition]float64{}
		var place func(i int, boxes []MultiIndex)
		place = func(i int, boxes []MultiIndex) {
			if i == len(axes) {
				t := Composition{C: int32(c), Order: int32(len(boxes))}
				for b, box := range boxes {
					t.F[b] = int32(j.Find(box))
				}
				f := t.Factors()
				sort.Slice(f, func(p, q int) bool { return f[p] < f[q] })
				count[t]++
				return
			}
			for b := range boxes {
				grown := append([]MultiIndex{}, boxes...)
				grown[b] = boxes[b].Plus(axes[i])
				place(i+1, grown)
			}
			place(i+1, append(append([]MultiIndex{}, boxes...), MultiIndex{}.Plus(axes[i])))
		}
		place(0, nil)
		first := len(ts)
		for t, n := range count {
			t.Coef = n
			ts = append(ts, t)
		}
		own := ts[first:]
		sort.Slice(own, func(p, q int) bool {
			if own[p].Order != own[q].Order {
				return own[p].Order < own[q].Order
			}
			for i := range own[p].F {
				if own[p].F[i] != own[q].F[i] {
					return own[p].F[i] < own[q].F[i]
				}
			}
			return false
		})
	}
	return ts
}

// First returns the component that holds the first derivative in coordinate a, or -1 if the set has none.
func (j Jets) First(a int) int { return j.Find(MultiIndex{}.Plus(a)) }
