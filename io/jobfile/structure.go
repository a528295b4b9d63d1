package jobfile

import (
	"fmt"
	"strings"
)

// The puts of keys whose value is more than one number or text.

// grow appends to a list that was made with room for count elements.
func grow[T any](l *[]T, count int, v T) *T {
	if *l == nil {
		*l = make([]T, 0, count)
	}
	*l = append(*l, v)
	return &(*l)[len(*l)-1]
}

func beginAxis(d *decoder, k *Key, n *node, path string) {
	d.name(n.src, n.keyAt, path, n.key)
	grow(&d.job.Domain, d.count, Axis{Name: n.key})
	if len(d.job.Domain) == maxAxes+1 {
		d.failKey(n, path, fmt.Sprintf("%s is coordinate number %d", n.key, maxAxes+1), fmt.Sprintf("a domain has 1 to %d coordinates", maxAxes))
	}
}

func putRange(d *decoder, k *Key, n *node, path string) {
	a := d.axis()
	d.pair(k, n, path, &a.Lo, &a.Hi)
}

// pair stores [a, b].
func (d *decoder) pair(k *Key, n *node, path string, lo, hi *float64) bool {
	if n.kind != list {
		d.wrongType(k, n, path)
		return false
	}
	return d.length(n, path, 2, "write [low, high]") &&
		d.number(k, n.items[0], path+"[0]", lo) && d.number(k, n.items[1], path+"[1]", hi)
}

func beginRemoved(d *decoder, k *Key, n *node, path string) {
	grow(&d.job.Geometry.Remove, d.count, nil)
	if len(n.items) == 0 {
		d.fail(n, path, path+" names no coordinate", "for example { x = [0.5, 1] }")
	}
}

func putRemoved(d *decoder, k *Key, n *node, path string) {
	if !d.oneOf(n, path, "coordinate", d.coords()) {
		return
	}
	r := grow(&d.job.Geometry.Remove[len(d.job.Geometry.Remove)-1], d.count, Place{Coord: n.key})
	d.pair(k, n, path, &r.Lo, &r.Hi)
}

func putParameter(d *decoder, k *Key, n *node, path string) {
	if !d.name(n.src, n.keyAt, path, n.key) {
		return
	}
	// Parameters stay text: they may use each other, which only the expression language understands.
	switch n.kind {
	case integer, real:
		var v float64
		if d.number(k, n, path, &v) {
			d.job.Parameters = append(d.job.Parameters, Named{n.key, strings.ReplaceAll(n.text, "_", "")})
		}
	default:
		var s string
		if d.expression(k, n, path, &s) {
			d.job.Parameters = append(d.job.Parameters, Named{n.key, s})
		}
	}
}

// beginFunction reads the key: "g(x, y)" or, in the form with args and body, g.
func beginFunction(d *decoder, k *Key, n *node, path string) {
	name, rest, called := strings.Cut(n.key, "(")
	f := Function{Name: strings.TrimSpace(name)}
	inner, closed := strings.CutSuffix(strings.TrimSpace(rest), ")")
	switch {
	case called != closed || called && n.kind == table:
		d.failKey(n, path, fmt.Sprintf("%q is not the head of a function", n.key), `write "g(x, y)" = "...", or g = { args = ["x", "y"], body = "..." }`)
	case !called && (n.kind != table || n.child("args") == nil):
		d.failKey(n, path, fmt.Sprintf("function %s has no arguments", n.key), fmt.Sprintf(`write "%s(x)" = "..."; a name for a number belongs in [parameters]`, n.key))
	case d.name(n.src, n.keyAt, path, f.Name) && called:
		for _, a := range strings.Split(inner, ",") {
			a = strings.TrimSpace(a)
			if !d.name(n.src, n.keyAt, path, a) {
				break
			}
			f.Args = append(f.Args, a)
		}
	}
	d.job.Functions = append(d.job.Functions, f)
}

func putArgs(d *decoder, k *Key, n *node, path string) {
	d.function().Args = nil
	d.names(k, n, path, &d.function().Args)
}

func putUnknowns(d *decoder, k *Key, n *node, path string) {
	d.names(k, n, path, &d.job.Problem.Unknowns)
}

func putEquations(d *decoder, k *Key, n *node, path string) {
	d.expressions(k, n, path, &d.job.Problem.Equations)
}

// expressions stores a list of them.
func (d *decoder) expressions(k *Key, n *node, path string, dst *[]string) {
	if n.kind != list {
		d.wrongType(k, n, path)
		return
	}
	if !d.length(n, path, -1, "") {
		return
	}
	for i, c := range n.items {
		var s string
		if !d.expression(k, c, fmt.Sprintf("%s[%d]", path, i), &s) {
			return
		}
		*dst = append(*dst, s)
	}
}

func putWeights(d *decoder, k *Key, n *node, path string) {
	size := len(d.job.Problem.Equations)
	if size == 0 {
		size = -1 // the equations were at fault
	}
	d.numbers(k, n, path, size, "one per equation", &d.job.Problem.Weights)
}

// namedAt stores an expression under the name of an unknown.
func namedAt(at func(*decoder) *[]Named) put {
	return func(d *decoder, k *Key, n *node, path string) {
		if !d.oneOf(n, path, "unknown", d.job.Problem.Unknowns) {
			return
		}
		var s string
		if d.expression(k, n, path, &s) {
			*at(d) = append(*at(d), Named{n.key, s})
		}
	}
}

// oneOf checks a key that names a coordinate or an unknown.
func (d *decoder) oneOf(n *node, path, what string, names []string) bool {
	if len(names) == 0 {
		return false // their list was at fault
	}
	for _, u := range names {
		if u == n.key {
			return true
		}
	}
	d.failKey(n, path, fmt.Sprintf("%s is no %s", n.key, what), d.meant(n.key, what, names))
	return false
}

func (d *decoder) meant(name, what string, names []string) string {
	if c := nearest(name, names); c != "" {
		return fmt.Sprintf("did you mean %s?", c)
	}
	return fmt.Sprintf("%ss: %s", what, strings.Join(names, ", "))
}

func putOption(d *decoder, k *Key, n *node, path string) {
	s := grow(&d.job.Problem.Reference.Options, d.count, Setting{Name: n.key})
	d.number(k, n, path, &s.Value)
}

func beginCondition(d *decoder, k *Key, n *node, path string) {
	grow(&d.job.Problem.Conditions, d.count, Condition{})
}

func putPlace(d *decoder, k *Key, n *node, path string) {
	if !d.oneOf(n, path, "coordinate", d.coords()) {
		return
	}
	p := grow(&d.condition().Box, d.count, Place{Coord: n.key})
	if n.kind == list {
		d.pair(k, n, path, &p.Lo, &p.Hi)
		return
	}
	p.Fixed = true
	d.number(k, n, path, &p.Lo)
	p.Hi = p.Lo // again in Resolve
}

func putResidual(d *decoder, k *Key, n *node, path string) {
	if n.kind != list {
		var s string
		if d.expression(k, n, path, &s) {
			d.condition().Residual = []string{s}
		}
		return
	}
	d.expressions(k, n, path, &d.condition().Residual)
}

func putConditionPoints(d *decoder, k *Key, n *node, path string) {
	c := &d.condition().Points
	if n.kind == integer {
		d.whole(k, n, path, &c.Count)
		return
	}
	if d.wholes(k, n, path, -1, "", &c.Shape) {
		d.product(n, path, c.Shape)
	}
}

func putHidden(d *decoder, k *Key, n *node, path string) {
	if d.wholes(k, n, path, -1, "", &d.job.Network.Hidden) && len(n.items) > maxDepth {
		d.fail(n, path, fmt.Sprintf("%d hidden layers", len(n.items)), fmt.Sprintf("at most %d", maxDepth))
	}
}

// putUnnorm stores [m, s] for all unknowns or a list of such pairs.
func putUnnorm(d *decoder, k *Key, n *node, path string) {
	unknowns := d.job.Problem.Unknowns
	if n.kind == list && len(n.items) > 0 && n.items[0].kind == list {
		size := len(unknowns)
		if size == 0 {
			size = -1
		}
		if !d.length(n, path, size, "one pair per unknown: "+strings.Join(unknowns, ", ")) {
			return
		}
		v := make([][2]float64, len(n.items))
		for i, c := range n.items {
			if !d.unnorm(k, c, fmt.Sprintf("%s[%d]", path, i), &v[i]) {
				return
			}
		}
		d.job.Network.Unnorm = v
		return
	}
	v := make([][2]float64, len(unknowns))
	for i := range v {
		if !d.unnorm(k, n, path, &v[i]) {
			return
		}
	}
	d.job.Network.Unnorm = v
}

func (d *decoder) unnorm(k *Key, n *node, path string, v *[2]float64) bool {
	if n.kind != list {
		d.wrongType(k, n, path)
		return false
	}
	scale := *k
	scale.Min, scale.Open = 0, true
	return d.length(n, path, 2, "write [mean, scale]") &&
		d.number(k, n.items[0], path+"[0]", &v[0]) && d.number(&scale, n.items[1], path+"[1]", &v[1])
}

func putRates(d *decoder, k *Key, n *node, path string) {
	size := d.job.Decomposition.levels()
	if size == 0 {
		size = -1
	}
	d.numbers(k, n, path, size, "one per level", &d.job.Train.Rates)
}

func beginStage(d *decoder, k *Key, n *node, path string) {
	grow(&d.job.Train.Stages, d.count, Stage{})
}

func putContinuation(d *decoder, k *Key, n *node, path string) {
	d.numbers(k, n, path, -1, "", &d.job.Train.Continuation.Values)
}

// levels is the number of levels, however they are given.
func (c *Decomposition) levels() int {
	n := len(c.Levels)
	if len(c.Centres) > 0 {
		n = max(n, 1)
	}
	for _, s := range c.Subdomains {
		n = max(n, s.Level)
	}
	return n
}

func putFree(d *decoder, k *Key, n *node, path string) {
	if !d.names(k, n, path, &d.job.Train.Active.Free) {
		return
	}
	for i, c := range n.items {
		c.key, c.keyAt = c.text, c.at // the element is the name
		ok := d.oneOf(c, fmt.Sprintf("%s[%d]", path, i), "coordinate", d.coords())
		c.key = ""
		if !ok {
			return
		}
	}
}

func putWindowsAt(d *decoder, k *Key, n *node, path string) {
	d.numbers(k, n, path, -1, "", &d.job.Train.Windows.At)
}

// putStart stores the expression of an unknown, or of its derivative; solver/problem knows which names are either.
func putStart(d *decoder, k *Key, n *node, path string) {
	var s string
	if d.name(n.src, n.keyAt, path, n.key) && d.expression(k, n, path, &s) {
		d.job.Train.Windows.Start = append(d.job.Train.Windows.Start, Named{n.key, s})
	}
}

func putReplicate(d *decoder, k *Key, n *node, path string) {
	if n.kind == text {
		var s string
		d.word(k, n, path, &s)
		d.job.Parallel.Replicate = -1
		return
	}
	d.whole(k, n, path, &d.job.Parallel.Replicate)
}
