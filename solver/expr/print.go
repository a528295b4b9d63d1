package expr

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"fbpinn-mpi/kernels"
)

// Binding strength of printed text.
const (
	looseSum = iota
	looseProduct
	loosePower
	atom
)

// printLimit bounds the length of printed expressions, counted in nodes: shared parts are written out every time.
const printLimit = 5000

// String writes n in the language itself: parsing it gives n back. Expressions of thousands of nodes end in dots.
func (n *Node) String() string {
	p := printer{left: printLimit}
	s, _ := p.text(n)
	return s
}

// printer writes nodes until left is used up.
type printer struct{ left int }

// within writes n, in parentheses if it binds weaker than the place demands.
func (p *printer) within(n *Node, strength int) string {
	s, have := p.text(n)
	if have < strength {
		return "(" + s + ")"
	}
	return s
}

func (p *printer) text(n *Node) (string, int) {
	if p.left--; p.left < 0 {
		return "...", atom
	}
	switch n.Op {
	case OpConst:
		return number(n.Value)
	case OpCoord:
		return n.graph.sym.Coords[n.Coord], atom
	case OpJet:
		return n.graph.derivativeName(n.graph.sym.Unknowns[n.Unknown], n.Index), atom
	case OpField:
		return n.graph.derivativeName(n.Name, n.Index), atom
	case OpData:
		return "data." + n.Name, atom
	case OpSeed:
		return n.Name, atom
	case OpSum:
		if len(n.Args) == 1 && n.Value == 0 {
			return p.term(n.Coef[0], n.Args[0]), looseProduct
		}
		return p.sum(n), looseSum
	case OpProduct:
		return p.term(1, n), looseProduct
	case OpPow:
		a, b := n.Args[0], n.Args[1]
		if b.Op == OpConst && b.Value < 0 {
			return p.term(1, n), looseProduct
		}
		if b.Op == OpConst && b.Value == 0.5 {
			return p.power(a, 0.5), atom
		}
		return p.within(a, atom) + "^" + p.within(b, atom), loosePower
	}
	name := n.Name
	if n.Op != OpExternal {
		name = opNames[n.Op]
	}
	args := make([]string, len(n.Args))
	for i, a := range n.Args {
		args[i], _ = p.text(a)
	}
	return name + "(" + strings.Join(args, ", ") + ")", atom
}

// sum writes the terms of a sum, a positive one first if there is one.
func (p *printer) sum(n *Node) string {
	type signed struct {
		text     string
		negative bool
	}
	var ts []signed
	for i, a := range n.Args {
		ts = append(ts, signed{p.term(math.Abs(n.Coef[i]), a), n.Coef[i] < 0})
		if p.left < 0 {
			break
		}
	}
	if n.Value != 0 {
		s, _ := number(math.Abs(n.Value))
		ts = append(ts, signed{s, n.Value < 0})
	}
	if i := slices.IndexFunc(ts, func(t signed) bool { return !t.negative }); i > 0 {
		first := ts[i]
		ts = slices.Insert(slices.Delete(ts, i, i+1), 0, first)
	}
	var b strings.Builder
	for i, t := range ts {
		switch {
		case i > 0 && t.negative:
			b.WriteString(" - ")
		case i > 0:
			b.WriteString(" + ")
		case t.negative:
			t.text = minus(t.text)
		}
		b.WriteString(t.text)
	}
	return b.String()
}

// term writes c·n with negative powers as divisions: 2*x/y.
func (p *printer) term(c float64, n *Node) string {
	factors := []*Node{n}
	if n.Op == OpProduct {
		factors = n.Args
	}
	var above, below []string
	for _, f := range factors {
		if f.Op == OpPow && f.Args[1].Op == OpConst && f.Args[1].Value < 0 {
			below = append(below, p.power(f.Args[0], -f.Args[1].Value))
		} else {
			above = append(above, p.within(f, loosePower))
		}
		if p.left < 0 {
			break
		}
	}
	if size := math.Abs(c); size != 1 || len(above) == 0 {
		s, _ := number(size)
		above = append([]string{s}, above...)
	}
	s := strings.Join(above, "*")
	for _, b := range below {
		s += "/" + b
	}
	if c < 0 {
		return minus(s)
	}
	return s
}

// minus negates a term. Its sign binds to the first factor alone, and a sum would take it in; a power of a sum would not.
func minus(term string) string {
	depth := 0
	for i, c := range term {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 { // the end of the first parentheses, or there are none at the start
			if c == ')' && !strings.HasPrefix(term[i+1:], "^") {
				return "-(" + term + ")"
			}
			return "-" + term
		}
	}
	return "-" + term
}

// power writes base^e for a number e > 0.
func (p *printer) power(base *Node, e float64) string {
	switch e {
	case 1:
		return p.within(base, atom)
	case 0.5:
		s, _ := p.text(base)
		return "sqrt(" + s + ")"
	}
	s, strength := number(e)
	if strength < atom {
		s = "(" + s + ")"
	}
	return p.within(base, atom) + "^" + s
}

// number writes v so that it reads back bit for bit; small multiples and fractions of π are named.
func number(v float64) (string, int) {
	sign, strength := "", atom
	if v < 0 {
		sign, v, strength = "-", -v, looseProduct
	}
	for k := 1; k <= 64; k++ {
		switch v {
		case float64(k) * math.Pi:
			if k == 1 {
				return sign + "pi", strength
			}
			return sign + strconv.Itoa(k) + "*pi", looseProduct
		case math.Pi / float64(k):
			return sign + "pi/" + strconv.Itoa(k), looseProduct
		}
	}
	return sign + strconv.FormatFloat(v, 'g', -1, 64), strength
}

// derivativeName writes u_xxy, or d(u, x, x, y) where the subscript could be read in two ways.
func (g *Graph) derivativeName(u string, m kernels.MultiIndex) string {
	if m.Order() == 0 {
		return u
	}
	sub, list := "", ""
	for a, c := range g.sym.Coords {
		for range m[a] {
			sub += c
			list += ", " + c
		}
	}
	if readings, _ := g.subscript(sub); len(readings) == 1 {
		return u + "_" + sub
	}
	return "d(" + u + list + ")"
}

// subscript lists the different derivatives that text can mean, and how many bytes of it were understood.
func (g *Graph) subscript(text string) (readings []kernels.MultiIndex, understood int) {
	found := map[kernels.MultiIndex]bool{}
	var split func(at int, m kernels.MultiIndex)
	split = func(at int, m kernels.MultiIndex) {
		understood = max(understood, at)
		if at == len(text) || m.Order() > kernels.MaxOrder { // too high is too high, whatever follows
			if at > 0 && !found[m] {
				found[m] = true
				readings = append(readings, m)
			}
			return
		}
		for a, c := range g.sym.Coords {
			if c != "" && strings.HasPrefix(text[at:], c) {
				split(at+len(c), m.Plus(a))
			}
		}
	}
	split(0, kernels.MultiIndex{})
	return readings, understood
}
