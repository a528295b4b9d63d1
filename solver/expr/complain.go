package expr

import (
	"errors"
	"slices"
)

// fail reports a mistake at t.
func (p *parser) fail(t token, msg, hint string) error {
	return &Error{Src: p.src, Col: t.at, Len: len(t.text), Msg: msg, Hint: hint, In: p.in}
}

// unexpected reports a token where the grammar has no place for it.
func (p *parser) unexpected(t token) error {
	switch {
	case t.kind == tokenBad:
		hint := t.hint
		if t.text == "'" && p.at > 0 && slices.Contains(p.g.sym.Unknowns, p.toks[p.at-1].text) {
			u := p.toks[p.at-1].text
			hint = "write the coordinate: " + u + "_" + p.g.sym.Coords[0]
		}
		return p.fail(t, t.complaint(), hint)
	case t.kind == tokenEnd:
		return p.fail(t, "the expression ends too early", "")
	case t.text == ")":
		return p.fail(t, "this ) closes nothing", "remove it, or add ( before")
	case t.text == ",":
		return p.fail(t, "a comma is used between arguments only", "a decimal point is written .")
	case t.text == "=":
		return p.fail(t, "= is used once, between the sides of an equation", "")
	case t.text == "..":
		return p.fail(t, ".. is used in sum(i=1..n, ...) only", "")
	}
	return p.fail(t, "unexpected "+t.text, "")
}

// check rejects results that are not finite, and gives up where the graph is full.
func (p *parser) check(t token, n *Node) error {
	switch {
	case p.g.full() || p.steps > maxSteps:
		return p.fail(t, errWork.Error(), "")
	case n.broken:
		return p.fail(t, "this is infinite or not a number", "")
	}
	return nil
}

// juxtaposed reports 2x, (a)(b) and u v: an operator is missing.
func (p *parser) juxtaposed() error {
	t := p.peek()
	if t.kind == tokenBad {
		return p.unexpected(t)
	}
	if t.kind != tokenNumber && t.kind != tokenName && t.text != "(" {
		return nil
	}
	if t.kind == tokenNumber && p.toks[p.at-1].kind == tokenNumber {
		return p.fail(t, "two numbers follow each other", "")
	}
	left := p.toks[p.at-1].text
	right := t.text
	if right == "(" {
		right = "(...)"
	} else if p.toks[p.at+1].text == "(" {
		right += "(...)"
	}
	if left == ")" {
		left = "(...)"
	}
	return p.fail(t, "an operator is missing here", "write "+left+"*"+right)
}

// asError keeps position-free errors of the graph at the token that caused them.
func (p *parser) asError(t token, err error) error {
	var placed *Error
	if err == nil || errors.As(err, &placed) {
		return err
	}
	return p.fail(t, err.Error(), "")
}
