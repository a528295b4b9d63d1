package problem

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"fbpinn-mpi/solver/expr"
)

// conditions makes a term of each soft constraint.
func (p *Problem) conditions() error {
	for i := range p.Spec.Conditions {
		c := &p.Spec.Conditions[i]
		key := fmt.Sprintf("problem.conditions[%d]", i)
		name := c.Name
		if name == "" {
			name = p.placeName(c)
		}
		for n := 2; p.named(name); n++ {
			name = fmt.Sprintf("%s (%d)", strings.TrimSuffix(name, fmt.Sprintf(" (%d)", n-1)), n)
		}
		t := p.term(name, key)
		inside, err := p.box(t, c, key)
		if err != nil {
			return err
		}
		if !inside { // the business of another window
			continue
		}
		for j, text := range c.Residual {
			label := name
			if len(c.Residual) > 1 {
				label = fmt.Sprintf("%s [%d]", name, j+1)
			}
			if err := p.residual(t, fmt.Sprintf("%s.residual[%d]", key, j), label, text, c.Weight); err != nil {
				return err
			}
		}
		t.Points = c.Points
		if t.Points.Sampler == "" {
			t.Points.Sampler = p.Interior.Sampler
		}
		if err := t.checkPoints(key + ".points"); err != nil {
			return err
		}
		p.Terms = append(p.Terms, t)
	}
	return nil
}

func (p *Problem) named(name string) bool {
	for _, t := range p.Terms {
		if t.Name == name {
			return true
		}
	}
	return false
}

func (p *Problem) placeName(c *ConditionSpec) string {
	if c.On != "" {
		return strings.Join(strings.Fields(c.On), " ")
	}
	var parts []string
	for _, b := range c.Box {
		if b.Lo == b.Hi {
			parts = append(parts, fmt.Sprintf("%s = %g", b.Coord, b.Lo))
		} else {
			parts = append(parts, fmt.Sprintf("%s = [%g, %g]", b.Coord, b.Lo, b.Hi))
		}
	}
	return strings.Join(parts, ", ")
}

// box narrows the term to the place of a condition, as far as it lies inside the slab.
func (p *Problem) box(t *Term, c *ConditionSpec, key string) (inside bool, err error) {
	places := c.Box
	on := key + ".on"
	if len(places) == 0 {
		if places, err = p.parsePlace(c.On, on); err != nil {
			return false, err
		}
	}
	seen := map[string]bool{}
	for _, b := range places {
		a := p.axis(b.Coord)
		if a < 0 {
			return false, &Error{Key: on, Msg: b.Coord + " is no coordinate", Hint: "coordinates: " + strings.Join(t.coords, ", ")}
		}
		if seen[b.Coord] {
			return false, &Error{Key: on, Msg: b.Coord + " is given twice", Hint: "delete one of them"}
		}
		seen[b.Coord] = true
		full := t.Box[a]
		if p.Slab != nil && b.Coord == p.Slab.Axis {
			full = Range{p.whole.Lo, p.whole.Hi}
		}
		if b.Lo > b.Hi {
			return false, &Error{Key: on, Msg: fmt.Sprintf("%s runs from %g down to %g", b.Coord, b.Lo, b.Hi), Hint: fmt.Sprintf("write [%g, %g]", b.Hi, b.Lo)}
		}
		if !(b.Lo >= full.Lo && b.Hi <= full.Hi) {
			shown := fmt.Sprintf("%s = %.10g", b.Coord, b.Lo)
			if b.Lo != b.Hi {
				shown = fmt.Sprintf("%s = [%.10g, %.10g]", b.Coord, b.Lo, b.Hi)
			}
			return false, &Error{Key: on, Msg: shown + " lies outside the domain", Hint: fmt.Sprintf("%s runs from %.10g to %.10g", b.Coord, full.Lo, full.Hi)}
		}
		if (Range{b.Lo, b.Hi}) != full {
			t.periodic[a] = false
		}
		if b.Lo > t.Box[a].Hi || b.Hi < t.Box[a].Lo || b.Lo < b.Hi && (b.Lo == t.Box[a].Hi || b.Hi == t.Box[a].Lo) {
			return false, nil
		}
		t.Box[a] = Range{max(b.Lo, t.Box[a].Lo), min(b.Hi, t.Box[a].Hi)}
	}
	return true, nil
}

func (p *Problem) axis(name string) int {
	for a, x := range p.Axes {
		if x.Name == name {
			return a
		}
	}
	return -1
}

// parsePlace reads "interior", or "coordinate = number" and "coordinate = [low, high]", joined by commas.
func (p *Problem) parsePlace(on, key string) ([]Place, error) {
	const form = `write "x = 0", "x = 0, t = [0, 1]" or "interior"`
	if strings.TrimSpace(on) == "interior" {
		return nil, nil
	}
	var places []Place
	for _, part := range split(on, 0) {
		head, value, ok := strings.Cut(part.text, "=")
		coord := strings.TrimSpace(head)
		fault := func(offset int, msg, hint string) error {
			return &Error{Key: key, Col: 1 + utf8.RuneCountInString(on[:offset]), Msg: msg, Hint: hint}
		}
		start := part.at + len(head) - len(strings.TrimLeft(head, " \t"))
		if !ok {
			return nil, fault(start, fmt.Sprintf("%q says no place", strings.TrimSpace(part.text)), form)
		}
		if p.axis(coord) < 0 {
			return nil, fault(start, fmt.Sprintf("%q is no coordinate", coord), "coordinates: "+strings.Join(p.coords(), ", "))
		}
		b := Place{Coord: coord}
		at := part.at + len(head) + 1
		evaluate := func(s piece, dst *float64) error {
			v, err := number(s.text, p.Spec, p.Params)
			if err != nil {
				e := explain(key, err)
				e.Col += utf8.RuneCountInString(on[:s.at])
				return e
			}
			*dst = v
			return nil
		}
		inner := strings.TrimSpace(value)
		if strings.HasPrefix(inner, "[") && strings.HasSuffix(inner, "]") {
			open := at + strings.Index(value, "[") + 1
			ends := split(inner[1:len(inner)-1], open)
			if len(ends) != 2 {
				return nil, fault(open-1, fmt.Sprintf("a range has 2 ends, not %d", len(ends)), "write [low, high]")
			}
			if err := evaluate(ends[0], &b.Lo); err != nil {
				return nil, err
			}
			if err := evaluate(ends[1], &b.Hi); err != nil {
				return nil, err
			}
			if b.Lo == b.Hi {
				return nil, fault(open-1, fmt.Sprintf("the range of %s is empty: both ends are %g", coord, b.Lo), fmt.Sprintf("write %s = %g for a face", coord, b.Lo))
			}
		} else {
			if err := evaluate(piece{value, at}, &b.Lo); err != nil {
				return nil, err
			}
			b.Hi = b.Lo
		}
		places = append(places, b)
	}
	return places, nil
}

// piece is a part of a text and the offset at which it starts.
type piece struct {
	text string
	at   int
}

// split cuts at commas outside brackets; offsets count from base.
func split(s string, base int) []piece {
	var out []piece
	depth, from := 0, 0
	for i, r := range s {
		switch r {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, piece{s[from:i], base + from})
				from = i + 1
			}
		}
	}
	return append(out, piece{s[from:], base + from})
}

// checkPoints completes and checks the number of points against the free axes.
func (t *Term) checkPoints(key string) error {
	var free []string
	for a, r := range t.Box {
		if !r.Fixed() {
			free = append(free, t.coords[a])
		}
	}
	q := &t.Points
	switch q.Sampler {
	case "":
		q.Sampler = "grid"
	case "grid", "uniform", "sobol", "halton", "cells":
	default:
		return &Error{Key: key, Msg: fmt.Sprintf("sampler %q is not known", q.Sampler), Hint: "grid, uniform, sobol, halton or cells"}
	}
	shaped := q.Sampler == "grid" || q.Sampler == "cells"
	switch {
	case len(free) == 0:
		if q.Count > 1 || len(q.Shape) > 0 {
			return &Error{Key: key, Msg: "a single point needs no number of points", Hint: "delete it"}
		}
		q.Count = 1
		return t.checkRemaining(key)
	case len(q.Shape) == 0 && q.Count == 0:
		return &Error{Key: key, Msg: "the number of points is missing", Hint: "add points, one number per free coordinate: " + strings.Join(free, ", ")}
	case len(q.Shape) > 0 && len(q.Shape) != len(free):
		return &Error{Key: key, Msg: fmt.Sprintf("%d numbers of points for %d free coordinates", len(q.Shape), len(free)), Hint: "one per free coordinate: " + strings.Join(free, ", ")}
	case len(q.Shape) == 0 && shaped && len(free) == 1:
		q.Shape, q.Count = []int{q.Count}, 0
	case len(q.Shape) == 0 && shaped:
		return &Error{Key: key, Msg: "sampler " + q.Sampler + " needs a number of points per coordinate", Hint: "one per free coordinate: " + strings.Join(free, ", ")}
	}
	for _, s := range append(append([]int{}, q.Shape...), max(q.Count, 1)) {
		if s < 1 {
			return &Error{Key: key, Msg: fmt.Sprintf("%d points", s), Hint: "give a positive number"}
		}
	}
	if q.Sampler == "cells" {
		if err := t.checkCells(key); err != nil {
			return err
		}
	}
	if q.Sampler == "sobol" && t.N() > 1<<sobolBits {
		return &Error{Key: key, Msg: fmt.Sprintf("%d points of a Sobol sequence", t.N()), Hint: "it has 2^32"}
	}
	return t.checkRemaining(key)
}

// checkRemaining wants a point outside the removed parts.
func (t *Term) checkRemaining(key string) error {
	if t.region != nil && len(t.Sample(0)[0]) == 0 {
		return &Error{Key: key, Msg: fmt.Sprintf("all points of %s lie in removed parts of the domain", t.Name), Hint: "choose another place, or remove less"}
	}
	return nil
}

// finite evaluates what the residuals take from the coordinates at some points of each term, so that 1/x at x = 0 is found
// before the run.
func (p *Problem) finite() error {
	for _, t := range p.Terms {
		if err := p.finiteAt(t, t.probePoints()); err != nil {
			return err
		}
	}
	return nil
}

// probe bounds the number of points at which a problem is checked before a run.
const probe = 4096

// probePoints are some points of the term: the first ones drawn, a coarser grid with the same ends, or every so many where the
// points lie in cells or some were removed.
func (t *Term) probePoints() [][]float64 {
	if t.Points.Sampler == "cells" || t.region != nil {
		points := t.Sample(0)
		every := (len(points[0]) + probe - 1) / probe
		for a, x := range points {
			var some []float64
			for i := 0; i < len(x); i += every {
				some = append(some, x[i])
			}
			points[a] = some
		}
		return points
	}
	shape := append([]int{}, t.Points.Shape...)
	for total := 2 * probe; total > probe; {
		total = 1
		widest := 0
		for i, s := range shape {
			total *= s
			if s > shape[widest] {
				widest = i
			}
		}
		if total > probe {
			shape[widest] = (shape[widest] + 1) / 2
		}
	}
	return t.sample(0, 0, shape, min(t.N(), probe))
}

func (p *Problem) finiteAt(t *Term, points [][]float64) error {
	v, i, c, err := p.evaluate(t.Program.Columns, points)
	key := t.Key
	if err != nil {
		return explain(key, err)
	}
	if c < 0 {
		return nil
	}
	for r, n := range t.Raw { // the residual that the column belongs to
		for _, own := range p.Graph.Columns([]*expr.Node{n}) {
			if own == t.Program.Columns[c] {
				key = t.keys[r]
			}
		}
	}
	return &Error{Key: key, Msg: fmt.Sprintf("%s: %s is %v at %s", t.Name, t.Program.Columns[c], v[c][i], p.place(points, i)),
		Hint: "points of this term must avoid the place, or the expression needs its limit there"}
}
