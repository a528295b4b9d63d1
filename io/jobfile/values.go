package jobfile

import (
	"fmt"
	"math"
	"strings"
	"unicode"
)

// put is how a key's value is checked and stored.
type put = func(d *decoder, k *Key, n *node, path string)

// pending is a number that the job writes as an expression.
type pending struct {
	node *node
	key  *Key
	path string
	dst  *float64
}

// number stores a real number. An expression is left to Resolve; dst holds NaN until then.
func (d *decoder) number(k *Key, n *node, path string, dst *float64) bool {
	switch n.kind {
	case integer, real:
		v, ok := n.number()
		if !ok {
			d.notFinite(n, path)
			return false
		}
		if msg, remedy := k.check(path, n.text, v); msg != "" {
			d.fail(n, path, msg, remedy)
			return false
		}
		*dst = v
		return true
	case text:
		if strings.TrimSpace(n.text) == "" {
			d.fail(n, path, path+" is empty", "give a number or an expression of numbers and parameters")
			return false
		}
		*dst = math.NaN()
		d.job.pending = append(d.job.pending, pending{n, k, path, dst})
		return true
	}
	d.wrongType(k, n, path)
	return false
}

func (d *decoder) notFinite(n *node, path string) {
	switch strings.TrimLeft(n.text, "+-") {
	case "nan", "inf":
		d.fail(n, path, fmt.Sprintf("%s is %s, not a finite number", path, n.text), "give a finite number")
	default:
		d.fail(n, path, fmt.Sprintf("%s = %s does not fit a double-precision number", path, n.text), "give a number between 1e-300 and 1e300 in size")
	}
}

// check compares a number with the range of the key.
func (k *Key) check(path, shown string, v float64) (msg, remedy string) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Sprintf("%s = %s is not a finite number", path, shown), "give a finite number"
	}
	if k.Min == 0 && k.Max == 0 {
		return "", ""
	}
	if v < k.Min || v > k.Max || k.Open && v == k.Min {
		return fmt.Sprintf("%s = %s is out of range", path, shown), "allowed: " + k.bounds()
	}
	return "", ""
}

// whole stores an integer.
func (d *decoder) whole(k *Key, n *node, path string, dst *int) bool {
	if n.kind != integer {
		d.wrongType(k, n, path)
		return false
	}
	i, ok := n.whole()
	if !ok {
		d.fail(n, path, fmt.Sprintf("%s = %s is out of range", path, n.text), "allowed: "+k.bounds())
		return false
	}
	if msg, remedy := k.check(path, n.text, float64(i)); msg != "" {
		d.fail(n, path, msg, remedy)
		return false
	}
	*dst = int(i)
	return true
}

// wholes stores a list of integers; size is their required number, -1 = any but none.
func (d *decoder) wholes(k *Key, n *node, path string, size int, what string, dst *[]int) bool {
	if n.kind != list {
		d.wrongType(k, n, path)
		return false
	}
	if !d.length(n, path, size, what) {
		return false
	}
	v := make([]int, len(n.items))
	for i, c := range n.items {
		if !d.whole(k, c, fmt.Sprintf("%s[%d]", path, i), &v[i]) {
			return false
		}
	}
	*dst = v
	return true
}

// numbers stores a list of real numbers.
func (d *decoder) numbers(k *Key, n *node, path string, size int, what string, dst *[]float64) bool {
	if n.kind != list {
		d.wrongType(k, n, path)
		return false
	}
	if !d.length(n, path, size, what) {
		return false
	}
	v := make([]float64, len(n.items))
	for i, c := range n.items {
		if !d.number(k, c, fmt.Sprintf("%s[%d]", path, i), &v[i]) {
			return false
		}
	}
	*dst = v
	return true
}

// length checks the number of elements of a list.
func (d *decoder) length(n *node, path string, size int, what string) bool {
	switch {
	case len(n.items) == 0:
		d.fail(n, path, path+" is an empty list", "give at least one element, or leave the key out")
	case size >= 0 && len(n.items) != size:
		d.fail(n, path, fmt.Sprintf("%s has %s; it takes %d", path, elements(len(n.items)), size), what)
	default:
		return true
	}
	return false
}

func elements(n int) string {
	if n == 1 {
		return "1 element"
	}
	return fmt.Sprintf("%d elements", n)
}

// perAxis is the number of coordinates, or -1 where they could not be read: one fault is enough.
func (d *decoder) perAxis() (size int, what string) {
	if d.axes() == 0 {
		return -1, ""
	}
	return d.axes(), "one per coordinate: " + strings.Join(d.coords(), ", ")
}

func (d *decoder) text(k *Key, n *node, path string, dst *string) bool {
	if n.kind != text {
		d.wrongType(k, n, path)
		return false
	}
	*dst = n.text
	return true
}

// expression stores a text that must not be empty; its meaning is checked by solver/problem.
func (d *decoder) expression(k *Key, n *node, path string, dst *string) bool {
	if n.kind == text && strings.TrimSpace(n.text) == "" {
		d.fail(n, path, path+" is empty", "give an expression, or leave the key out")
		return false
	}
	return d.text(k, n, path, dst)
}

// name checks that a text can be a name in expressions.
func (d *decoder) name(src *source, offset int, path, name string) bool {
	ok := name != ""
	for i, r := range name {
		ok = ok && (unicode.IsLetter(r) || i > 0 && (unicode.IsDigit(r) || r == '_'))
	}
	if !ok {
		d.failAt(src, offset, path, fmt.Sprintf("%q is not a name", name), "a name is a letter, then letters, digits and underscores")
	}
	return ok
}

// names stores a list of different names.
func (d *decoder) names(k *Key, n *node, path string, dst *[]string) bool {
	if n.kind != list {
		d.wrongType(k, n, path)
		return false
	}
	if !d.length(n, path, -1, "") {
		return false
	}
	seen := map[string]bool{}
	for i, c := range n.items {
		p := fmt.Sprintf("%s[%d]", path, i)
		if c.kind != text {
			d.wrongType(k, c, p)
			return false
		}
		if !d.name(c.src, c.at, p, c.text) {
			return false
		}
		if seen[c.text] {
			d.fail(c, p, fmt.Sprintf("%s is named twice", c.text), "delete one of them")
			return false
		}
		seen[c.text] = true
		*dst = append(*dst, c.text)
	}
	return true
}

// word checks a text against the allowed ones.
func (d *decoder) word(k *Key, n *node, path string, dst *string) bool {
	if !d.text(k, n, path, dst) {
		return false
	}
	for _, w := range k.Words {
		if w == n.text {
			return true
		}
	}
	remedy := "allowed: " + strings.Join(k.Words, ", ")
	if k.Max > 0 {
		remedy += ", " + k.bounds()
	}
	if w := nearest(n.text, k.Words); w != "" {
		remedy = fmt.Sprintf("did you mean %q? (%s)", w, remedy)
	}
	d.fail(n, path, fmt.Sprintf("%s = %q is not known", path, n.text), remedy)
	return false
}

// The constructors below make the put of a key that is stored as it is.

func textAt(at func(*decoder) *string) put {
	return func(d *decoder, k *Key, n *node, path string) { d.text(k, n, path, at(d)) }
}

func nameAt(at func(*decoder) *string) put { return expressionAt(at) }

func expressionAt(at func(*decoder) *string) put {
	return func(d *decoder, k *Key, n *node, path string) { d.expression(k, n, path, at(d)) }
}

func wordAt(at func(*decoder) *string) put {
	return func(d *decoder, k *Key, n *node, path string) { d.word(k, n, path, at(d)) }
}

func numberAt(at func(*decoder) *float64) put {
	return func(d *decoder, k *Key, n *node, path string) { d.number(k, n, path, at(d)) }
}

func wholeAt(at func(*decoder) *int) put {
	return func(d *decoder, k *Key, n *node, path string) { d.whole(k, n, path, at(d)) }
}

func seedAt(at func(*decoder) *int64) put {
	return func(d *decoder, k *Key, n *node, path string) {
		var i int
		d.whole(k, n, path, &i)
		*at(d) = int64(i)
	}
}

func truthAt(at func(*decoder) *bool) put {
	return func(d *decoder, k *Key, n *node, path string) {
		if n.kind != truth {
			d.wrongType(k, n, path)
			return
		}
		*at(d) = n.text == "true"
	}
}

func shapeAt(at func(*decoder) *[]int) put {
	return func(d *decoder, k *Key, n *node, path string) {
		size, what := d.perAxis()
		if d.wholes(k, n, path, size, what, at(d)) {
			d.product(n, path, *at(d))
		}
	}
}

func perAxisAt(at func(*decoder) *[]float64) put {
	return func(d *decoder, k *Key, n *node, path string) {
		size, what := d.perAxis()
		d.numbers(k, n, path, size, what, at(d))
	}
}

// product checks the total number of points of a shape.
func (d *decoder) product(n *node, path string, shape []int) bool {
	total := 1.0
	for _, s := range shape {
		total *= float64(s)
	}
	if total > maxCount {
		d.fail(n, path, fmt.Sprintf("%s asks for %.3g points in all", path, total), fmt.Sprintf("at most %.0g", maxCount))
		return false
	}
	return true
}
