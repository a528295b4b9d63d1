package expr

import "fbpinn-mpi/kernels"

// partial is one entry of a step's gradient: ∂v/∂arg = factor.
type partial struct{ arg, factor value }

// partials lists the local derivatives of step v.
func (t *tape) partials(v value) []partial {
	s := t.steps[v]
	if s.input || s.constant {
		return nil
	}
	a, b := s.a, s.b
	c := t.constant
	one := func(f value) []partial { return []partial{{a, f}} }
	switch s.op {
	case kernels.Add:
		return []partial{{a, c(1)}, {b, c(1)}}
	case kernels.Sub:
		return []partial{{a, c(1)}, {b, c(-1)}}
	case kernels.Neg:
		return one(c(-1))
	case kernels.Mul:
		return []partial{{a, b}, {b, a}}
	case kernels.Div:
		return []partial{{a, t.div(c(1), b)}, {b, t.neg(t.div(v, b))}}
	case kernels.Pow:
		if e, ok := t.known(b); ok {
			return one(t.mul(c(e), t.power(a, e-1)))
		}
		db := t.mul(v, t.call(kernels.Log, a, none))
		return []partial{{a, t.mul(b, t.call(kernels.Pow, a, t.sub(b, c(1))))}, {b, db}}
	case kernels.Sqrt:
		return one(t.div(c(0.5), v))
	case kernels.Exp:
		return one(v)
	case kernels.Log:
		return one(t.div(c(1), a))
	case kernels.SinOp:
		return one(t.call(kernels.CosOp, a, none))
	case kernels.CosOp:
		return one(t.neg(t.call(kernels.SinOp, a, none)))
	case kernels.TanOp:
		return one(t.add(c(1), t.mul(v, v)))
	case kernels.TanhOp:
		return one(t.sub(c(1), t.mul(v, v)))
	case kernels.SinhOp:
		return one(t.call(kernels.CoshOp, a, none))
	case kernels.CoshOp:
		return one(t.call(kernels.SinhOp, a, none))
	case kernels.AtanOp:
		return one(t.div(c(1), t.add(c(1), t.mul(a, a))))
	case kernels.AsinOp, kernels.AcosOp:
		f := t.power(t.sub(c(1), t.mul(a, a)), -0.5)
		if s.op == kernels.AcosOp {
			f = t.neg(f)
		}
		return one(f)
	case kernels.AbsOp:
		return one(t.call(kernels.SignOp, a, none))
	case kernels.MinOp, kernels.MaxOp: // the derivative of the argument that is the result
		hi, lo := a, b
		if s.op == kernels.MinOp {
			hi, lo = b, a
		}
		f := t.call(kernels.StepOp, t.sub(hi, lo), none)
		return []partial{{a, f}, {b, t.sub(c(1), f)}}
	}
	return nil // sign and step are flat
}

// adjoint returns Σ_e seed_e ∂out_e/∂wrt_k for every k: one sweep backwards (none: zero).
func (t *tape) adjoint(outs, seeds, wrt []value) []value {
	last := value(-1)
	bar := map[value]value{}
	add := func(v, w value) {
		if old, ok := bar[v]; ok {
			w = t.add(old, w)
		}
		bar[v] = w
		last = max(last, v)
	}
	for e, o := range outs {
		add(o, seeds[e])
	}
	active := t.active(wrt, int(last)+1)
	for v := last; v >= 0; v-- {
		w, ok := bar[v]
		if !ok || !active[v] {
			continue
		}
		for _, p := range t.partials(v) {
			if active[p.arg] {
				add(p.arg, t.mul(w, p.factor))
			}
		}
	}
	grad := make([]value, len(wrt))
	for k, x := range wrt {
		grad[k] = t.constant(0)
		if w, ok := bar[x]; ok {
			grad[k] = w
		}
	}
	return grad
}

// tangent returns Σ_k ∂out_e/∂wrt_k dot_k for every e: one sweep forwards.
func (t *tape) tangent(outs, wrt, dots []value) []value {
	n := 0 // steps that can matter
	for _, o := range outs {
		n = max(n, int(o)+1)
	}
	active := t.active(wrt, n)
	dot := map[value]value{}
	for k, x := range wrt {
		dot[x] = dots[k]
	}
	for v := value(0); v < value(n); v++ {
		if _, given := dot[v]; given || !active[v] {
			continue
		}
		sum := t.constant(0)
		for _, p := range t.partials(v) {
			if active[p.arg] {
				sum = t.add(sum, t.mul(p.factor, dot[p.arg]))
			}
		}
		dot[v] = sum
	}
	res := make([]value, len(outs))
	for e, o := range outs {
		res[e] = t.constant(0)
		if active[o] {
			res[e] = dot[o]
		}
	}
	return res
}

// active marks the first n steps that depend on any of wrt.
func (t *tape) active(wrt []value, n int) []bool {
	a := make([]bool, n)
	for _, x := range wrt {
		if int(x) < n {
			a[x] = true
		}
	}
	for v := range a {
		if s := t.steps[v]; !s.input && !s.constant {
			a[v] = a[v] || s.a != none && a[s.a] || s.b != none && a[s.b]
		}
	}
	return a
}
