package expr

import (
	"math"
	"strings"
)

// Limits that keep hostile input from exhausting stack or time.
const (
	maxDepth = 200       // nesting of parentheses, calls and helper functions
	maxTerms = 10_000    // terms of one sum
	maxSteps = 1_000_000 // tokens read, counting the body of a sum once per term
)

// Parse reads an expression.
func (g *Graph) Parse(src string) (*Node, error) {
	p, err := g.parser(src)
	if err != nil {
		return nil, err
	}
	n, err := p.whole()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.text == "=" {
		return nil, p.fail(t, "an expression is expected here, not an equation", "move everything to one side")
	} else if t.kind != tokenEnd {
		return nil, p.unexpected(t)
	}
	return n, nil
}

// ParseEquation reads "lhs = rhs" and returns the residual lhs - rhs.
func (g *Graph) ParseEquation(src string) (*Node, error) {
	p, err := g.parser(src)
	if err != nil {
		return nil, err
	}
	l, err := p.whole()
	if err != nil {
		return nil, err
	}
	switch t := p.peek(); {
	case t.kind == tokenEnd:
		return nil, p.fail(t, "this equation has no =", "write "+strings.TrimSpace(src)+" = 0")
	case t.text != "=":
		return nil, p.unexpected(t)
	}
	p.at++
	r, err := p.whole()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.text == "=" {
		return nil, p.fail(t, "an equation has a single =", "list its parts as equations of their own")
	} else if t.kind != tokenEnd {
		return nil, p.unexpected(t)
	}
	n := g.Sub(l, r)
	return n, p.check(p.toks[0], n)
}

// ParseNumber reads an expression of numbers and parameters, such as "0.01/pi".
func (g *Graph) ParseNumber(src string) (float64, error) {
	n, err := g.Parse(src)
	if err != nil {
		return 0, err
	}
	if n.Op != OpConst {
		what := ""
		walk([]*Node{n}, func(m *Node) {
			if what == "" && len(m.Args) == 0 && m.Op != OpConst {
				what = m.String()
			}
		})
		hint := "use numbers and parameters only"
		if what != "" {
			hint = "it depends on " + what + "; " + hint
		}
		return 0, &Error{Src: src, Len: len(src), Msg: "a number is expected here", Hint: hint}
	}
	return n.Value, nil
}

// session is what the parsers of an expression and of the helper functions in it share.
type session struct {
	g     *Graph
	depth int
	steps int
	calls []string // helper functions being expanded, outermost first
}

// parser reads one text by precedence climbing:
//
//	sum     = product { (+|-) product }
//	product = unary { (*|/) unary }
//	unary   = (+|-) unary | power
//	power   = primary [ (^|**) unary ]
type parser struct {
	*session
	src    string
	in     string // helper function whose body src is
	toks   []token
	at     int
	locals map[string]*Node // arguments of the helper function, indices of sums
}

func (g *Graph) parser(src string) (*parser, error) {
	if g.bad != nil {
		return nil, g.bad
	}
	if g.full() {
		return nil, errWork
	}
	return &parser{session: &session{g: g}, src: src, toks: lex(src), locals: map[string]*Node{}}, nil
}

func (p *parser) peek() token { return p.toks[p.at] }

// next consumes a token; the end stays.
func (p *parser) next() token {
	t := p.toks[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	p.steps++
	return t
}

// whole reads an expression that fills the rest of the text, or the side of an equation.
func (p *parser) whole() (*Node, error) {
	switch t := p.peek(); {
	case t.kind == tokenEnd && p.at == 0:
		return nil, p.fail(t, "the expression is empty", "")
	case t.kind == tokenEnd:
		return nil, p.fail(t, "nothing follows the =", "write = 0 if nothing should")
	case t.text == "=" && p.at == 0:
		return nil, p.fail(t, "nothing stands before the =", "")
	}
	return p.sum()
}

func (p *parser) sum() (*Node, error) {
	first := p.peek()
	n, err := p.product()
	if err != nil {
		return nil, err
	}
	terms, signs := []*Node{n}, []float64{1}
	for {
		sign := 1.0
		switch p.peek().text {
		case "-":
			sign = -1
		case "+":
		default:
			if len(terms) == 1 {
				return n, nil
			}
			n = p.g.linear(0, signs, terms) // all at once: long sums would cost their square otherwise
			return n, p.check(first, n)
		}
		p.next()
		if n, err = p.product(); err != nil {
			return nil, err
		}
		terms, signs = append(terms, n), append(signs, sign)
	}
}

func (p *parser) product() (*Node, error) {
	first := p.peek()
	n, err := p.unary()
	if err != nil {
		return nil, err
	}
	above, below := []*Node{n}, []*Node(nil)
	for {
		op := p.peek()
		if op.text != "*" && op.text != "/" {
			break
		}
		p.next()
		if n, err = p.unary(); err != nil {
			return nil, err
		}
		switch {
		case op.text == "*":
			above = append(above, n)
		case n == p.g.zero:
			return nil, p.fail(op, "division by zero", "")
		default:
			below = append(below, n)
		}
	}
	if len(above)+len(below) == 1 {
		return n, nil
	}
	n = p.g.Mul(above...)
	if len(below) > 0 {
		n = p.g.Div(n, p.g.Mul(below...))
	}
	return n, p.check(first, n)
}

func (p *parser) unary() (*Node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, p.fail(p.peek(), "the expression is nested too deeply", "name parts of it as helper functions")
	}
	switch t := p.peek(); t.text {
	case "-":
		p.next()
		n, err := p.unary()
		if err != nil {
			return nil, err
		}
		return p.g.Neg(n), nil
	case "+":
		p.next()
		return p.unary()
	}
	return p.power()
}

func (p *parser) power() (*Node, error) {
	base, err := p.primary()
	if err != nil {
		return nil, err
	}
	if err := p.juxtaposed(); err != nil {
		return nil, err
	}
	op := p.peek()
	if op.text != "^" && op.text != "**" {
		return base, nil
	}
	p.next()
	exponent, err := p.unary()
	if err != nil {
		return nil, err
	}
	if base == p.g.zero && exponent.Op == OpConst && exponent.Value < 0 {
		return nil, p.fail(op, "division by zero", "")
	}
	n := p.g.Pow(base, exponent)
	return n, p.check(op, n)
}

// primary reads a number, a name, a call or a parenthesis.
func (p *parser) primary() (*Node, error) {
	t := p.peek()
	switch {
	case t.kind == tokenNumber:
		p.next()
		return p.g.Const(t.number), nil
	case t.kind == tokenName:
		p.next()
		if t.text == "data" {
			return p.data(t)
		}
		if p.peek().text == "(" {
			return p.call(t)
		}
		return p.name(t)
	case t.text == "(":
		p.next()
		n, err := p.sum()
		if err != nil {
			return nil, err
		}
		return n, p.closing(t)
	case t.kind == tokenSign && strings.Contains("*/^**", t.text):
		return nil, p.fail(t, "a value is missing before "+t.text, "")
	case p.at > 0 && (t.kind == tokenEnd || t.kind == tokenSign):
		if before := p.toks[p.at-1]; before.kind == tokenSign && before.text != ")" {
			return nil, p.fail(before, "a value is missing after "+before.text, "")
		}
	}
	return nil, p.unexpected(t)
}

// closing expects the ) that belongs to open.
func (p *parser) closing(open token) error {
	t := p.peek()
	switch {
	case t.text == ")":
		p.next()
		return nil
	case t.kind == tokenBad:
		return p.unexpected(t)
	case t.kind == tokenEnd || t.text == "=":
		return p.fail(open, "this ( is never closed", "add )")
	}
	return p.unexpected(t)
}

// integer reads a bound of a sum.
func (p *parser) integer() (int, error) {
	t := p.peek()
	n, err := p.sum()
	if err != nil {
		return 0, err
	}
	if n.Op != OpConst || n.Value != math.Trunc(n.Value) || math.Abs(n.Value) > 1e9 {
		t.text = p.src[t.at : p.toks[p.at-1].at+len(p.toks[p.at-1].text)]
		return 0, p.fail(t, "the bounds of a sum are whole numbers", "here it is "+n.String())
	}
	return int(n.Value), nil
}
