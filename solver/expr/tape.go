package expr

import (
	"math"

	"fbpinn-mpi/kernels"
)

// value is the result of one operation on a tape.
type value int32

const none value = -1

// step is one operation of a tape, or an input, or a constant.
type step struct {
	op       kernels.Opcode
	a, b     value // none where unused
	input    bool
	constant bool
	number   float64
}

// tape is straight-line code in which every value is assigned once and equal operations are one value. Programs are written,
// differentiated forwards and backwards on it, and scheduled into registers at the end.
type tape struct {
	steps  []step
	places map[step]value
}

func newTape() *tape { return &tape{places: map[step]value{}} }

func (t *tape) emit(s step) value {
	if s.number == 0 {
		s.number = 0 // -0 is 0
	}
	if !s.input {
		if v, ok := t.places[s]; ok {
			return v
		}
	}
	v := value(len(t.steps))
	t.steps = append(t.steps, s)
	if !s.input {
		t.places[s] = v
	}
	return v
}

func (t *tape) input() value { return t.emit(step{input: true, a: none, b: none}) }

func (t *tape) constant(c float64) value {
	return t.emit(step{constant: true, number: c, a: none, b: none})
}

func (t *tape) is(v value, c float64) bool {
	s := &t.steps[v]
	return s.constant && s.number == c
}

// known reports the number behind a constant.
func (t *tape) known(v value) (float64, bool) { return t.steps[v].number, t.steps[v].constant }

// negated reports v = -w.
func (t *tape) negated(v value) (w value, ok bool) {
	s := &t.steps[v]
	return s.a, !s.constant && !s.input && s.op == kernels.Neg
}

func (t *tape) add(a, b value) value {
	x, xk := t.known(a)
	y, yk := t.known(b)
	switch {
	case xk && yk:
		return t.constant(x + y)
	case xk && x == 0:
		return b
	case yk && y == 0:
		return a
	}
	if w, ok := t.negated(b); ok {
		return t.sub(a, w)
	}
	if w, ok := t.negated(a); ok {
		return t.sub(b, w)
	}
	return t.emit(step{op: kernels.Add, a: a, b: b})
}

func (t *tape) sub(a, b value) value {
	x, xk := t.known(a)
	y, yk := t.known(b)
	switch {
	case a == b:
		return t.constant(0)
	case xk && yk:
		return t.constant(x - y)
	case xk && x == 0:
		return t.neg(b)
	case yk && y == 0:
		return a
	}
	if w, ok := t.negated(b); ok {
		return t.add(a, w)
	}
	if s := t.steps[b]; s.op == kernels.Mul && !s.input && !s.constant { // a - c·x = a + (-c)·x is one multiply-add
		if c, ok := t.known(s.a); ok {
			return t.add(a, t.mul(t.constant(-c), s.b))
		}
	}
	return t.emit(step{op: kernels.Sub, a: a, b: b})
}

func (t *tape) neg(a value) value {
	if c, ok := t.known(a); ok {
		return t.constant(-c)
	}
	if w, ok := t.negated(a); ok {
		return w
	}
	s := t.steps[a]
	if s.op == kernels.Sub && !s.input {
		return t.sub(s.b, s.a)
	}
	if s.op == kernels.Mul && !s.input {
		if c, ok := t.known(s.a); ok {
			return t.mul(t.constant(-c), s.b)
		}
	}
	return t.emit(step{op: kernels.Neg, a: a, b: none})
}

func (t *tape) mul(a, b value) value {
	if _, ok := t.known(b); ok {
		a, b = b, a
	}
	x, xk := t.known(a)
	y, yk := t.known(b)
	switch {
	case xk && yk:
		return t.constant(x * y)
	case xk && x == 0:
		return a
	case xk && x == 1:
		return b
	case xk && x == -1:
		return t.neg(b)
	}
	if w, ok := t.negated(a); ok { // signs move outwards, where sums absorb them
		return t.neg(t.mul(w, b))
	}
	if w, ok := t.negated(b); ok {
		return t.neg(t.mul(a, w))
	}
	if s := t.steps[b]; xk && s.op == kernels.Mul && !s.input {
		if c, ok := t.known(s.a); ok {
			return t.mul(t.constant(x*c), s.b)
		}
	}
	if !xk && a > b {
		a, b = b, a // x·y and y·x are one value
	}
	return t.emit(step{op: kernels.Mul, a: a, b: b})
}

func (t *tape) div(a, b value) value {
	x, xk := t.known(a)
	y, yk := t.known(b)
	switch {
	case xk && yk:
		return t.constant(x / y)
	case xk && x == 0:
		return a
	case yk:
		return t.mul(t.constant(1/y), a)
	}
	return t.emit(step{op: kernels.Div, a: a, b: b})
}

// call applies an opcode that has no algebra of its own.
func (t *tape) call(op kernels.Opcode, a, b value) value {
	x, xk := t.known(a)
	if b == none && xk {
		if op == kernels.Sqrt {
			return t.constant(math.Sqrt(x))
		}
		return t.constant(apply(opOf(op), x, 0))
	}
	if b != none {
		if y, yk := t.known(b); xk && yk {
			return t.constant(apply(opOf(op), x, y))
		}
	}
	return t.emit(step{op: op, a: a, b: b})
}

// power is a^e for a fixed exponent: multiplications for whole exponents up to ±64, square roots for halves.
func (t *tape) power(a value, e float64) value {
	switch {
	case e == 0:
		return t.constant(1)
	case e < 0 && math.Abs(e) <= 64 && 2*e == math.Trunc(2*e):
		return t.div(t.constant(1), t.power(a, -e))
	case e > 0 && e <= 64 && e == math.Trunc(e):
		v, square := none, a
		for n := int(e); ; {
			if n&1 == 1 {
				if v == none {
					v = square
				} else {
					v = t.mul(v, square)
				}
			}
			if n >>= 1; n == 0 {
				return v
			}
			square = t.mul(square, square)
		}
	case e == 0.5:
		return t.call(kernels.Sqrt, a, none)
	case e > 0 && e <= 8 && 2*e == math.Trunc(2*e):
		return t.mul(t.power(a, e-0.5), t.power(a, 0.5))
	}
	return t.call(kernels.Pow, a, t.constant(e))
}
