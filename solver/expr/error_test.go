package expr

import (
	"errors"
	"flag"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the messages of testdata/errors.txt anew")

// TestErrors compares every message with testdata/errors.txt: blocks of a line ">>> kind source" (Go-quoted) and the message.
func TestErrors(t *testing.T) {
	const file = "testdata/errors.txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g := NewGraph(burgers())
	var out strings.Builder
	blocks := strings.Split("\n"+string(text), "\n>>> ")[1:]
	for _, block := range blocks {
		head, want, _ := strings.Cut(block, "\n")
		kind, quoted, _ := strings.Cut(head, " ")
		src, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%s: %v", head, err)
		}
		switch kind {
		case "expr":
			_, err = g.Parse(src)
		case "equation":
			_, err = g.ParseEquation(src)
		case "number":
			_, err = g.ParseNumber(src)
		default:
			t.Fatalf("kind %q", kind)
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v is no *Error", head, err)
			continue
		}
		if e.Col < 0 || e.Len < 0 || e.Col+e.Len > len(e.Src) || e.Msg == "" || (e.In == "" && e.Src != src) {
			t.Errorf("%s: position %d+%d outside of %q", head, e.Col, e.Len, e.Src)
		}
		if got := e.Error() + "\n"; got != strings.TrimRight(want, "\n")+"\n" && !*update {
			t.Errorf("%s:\n%swant:\n%s", head, got, want)
		}
		out.WriteString(">>> " + head + "\n" + e.Error() + "\n\n")
	}
	if len(blocks) < 120 {
		t.Errorf("%d messages, expected at least 120", len(blocks))
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNestingLimits(t *testing.T) {
	g := NewGraph(burgers())
	for _, src := range []string{strings.Repeat("(", 1e5) + "x" + strings.Repeat(")", 1e5), strings.Repeat("-", 1e5) + "x",
		"x" + strings.Repeat("^x", 1e5), strings.Repeat("sin(", 1e5), strings.Repeat("d(", 1e5)} {
		if _, err := g.Parse(src); err == nil || !strings.Contains(err.Error(), "nested too deeply") {
			t.Errorf("%.10s...: %v", src, err)
		}
	}
	if _, err := g.Parse(strings.Repeat("(", maxDepth-1) + "x" + strings.Repeat(")", maxDepth-1)); err != nil {
		t.Error(err)
	}
	// Wide is not deep.
	n, err := g.Parse("0" + strings.Repeat("+x", 5000) + strings.Repeat("*1", 5000))
	if x, _ := g.Parse("5000*x"); err != nil || n != x {
		t.Errorf("%v, %v", n, err)
	}
	if n, err := g.Parse("sum(i=1..10000, sin(i*x))"); err != nil || len(n.Args) != 10000 {
		t.Errorf("ten thousand terms: %v", err)
	}
}

func TestSymbolsCheck(t *testing.T) {
	eval := func([]float64) float64 { return 0 }
	for _, c := range []struct {
		s    Symbols
		want string
	}{
		{Symbols{}, "there must be 1 to 4 coordinates, not 0"},
		{Symbols{Coords: []string{"a", "b", "c", "f", "g"}}, "there must be 1 to 4 coordinates, not 5"},
		{Symbols{Coords: []string{"x", "x"}}, "x is the name of a coordinate and of a coordinate"},
		{Symbols{Coords: []string{"x"}, Unknowns: []string{"x"}}, "x is the name of a coordinate and of an unknown"},
		{Symbols{Coords: []string{"x_1"}}, "coordinate x_1: an underscore would make derivatives such as u_x_1 unreadable"},
		{Symbols{Coords: []string{""}}, "the name of a coordinate is empty"},
		{Symbols{Coords: []string{"2x"}}, `"2x" cannot be the name of a coordinate: letters, digits and underscores, beginning with a letter`},
		{Symbols{Coords: []string{"x"}, Unknowns: []string{"sin"}}, "sin cannot be the name of an unknown: the language uses it already"},
		{Symbols{Coords: []string{"x"}, Unknowns: []string{"e"}}, "e cannot be the name of an unknown: the language uses it already"},
		{Symbols{Coords: []string{"x"}, Unknowns: []string{"u"}, Params: map[string]float64{"u_xx": 1}},
			"u_xx is the name of a parameter, but reads as a derivative of u"},
		{Symbols{Coords: []string{"x"}, Params: map[string]float64{"k": math.NaN()}}, "parameter k is NaN: it must be a finite number"},
		{Symbols{Coords: []string{"x"}, Funcs: map[string]Func{"f": {Args: []string{"a", "a"}}}}, "function f has two arguments named a"},
		{Symbols{Coords: []string{"x"}, Funcs: map[string]Func{"f": {Args: []string{"pi"}}}},
			"pi cannot be the name of an argument of f: the language uses it already"},
		{Symbols{Coords: []string{"x"}, Funcs: map[string]Func{"f": {}}, External: map[string]External{"f": {Eval: eval}}},
			"f is the name of a solution and of a function"},
	} {
		err := c.s.Check()
		if err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.s, err, c.want)
		}
		if _, err := NewGraph(c.s).Parse("1"); err == nil || err.Error() != c.want {
			t.Errorf("Parse does not report %q but %v", c.want, err)
		}
	}
	if err := burgers().Check(); err != nil {
		t.Error(err)
	}
}

func TestNearest(t *testing.T) {
	for _, c := range [][2]string{{"tahnh", "tanh"}, {"ab", ""}, {"x", ""}, {"omgea", "omega"}, {"LAMBDA", "lambda"}, {"completely", ""}} {
		if got := nearest(c[0], []string{"tanh", "y", "omega", "lambda", "ac"}); got != c[1] && !(c[0] == "ab" && got == "ac") {
			t.Errorf("nearest to %s is %q, want %q", c[0], got, c[1])
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"σx", "σy", 1}} {
		if d := distance([]rune(c.a), []rune(c.b)); d != c.want {
			t.Errorf("distance(%s, %s) = %d, want %d", c.a, c.b, d, c.want)
		}
	}
}

// FuzzParse: no input may panic or hang, messages point into their text, and what parses prints as itself.
func FuzzParse(f *testing.F) {
	for _, src := range []string{"u_t + u*u_x - nu*u_xx = 0", "d(sin(x*u), x, t)/2", "sum(i=1..6, 2^i*u_xx)", "ramp(x, 0.1)^-u", "data.obs - u",
		"min(x, max(t, -1)) ** 2.5", "x(", "2x", "u'", "∂u", "1e999", "0^-1", "prod(i=1..3, x - i)", "cole_hopf(x, t, 1)", "x^x^x", "u^u^-101", "prod(i=0..2700, x+i)", "-prod(i=1..2, x+i)"} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		g := NewGraph(burgers())
		n, err := g.Parse(src)
		if err != nil {
			n, err = g.ParseEquation(src)
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Col < 0 || e.Col+e.Len > len(e.Src) || e.Error() == "" {
				t.Fatalf("%q: %v", src, err)
			}
			return
		}
		if g.work > workLimit/100 || len(src) > 1000 {
			return
		}
		text := n.String()
		if again, err := g.Parse(text); (err != nil || again != n) && !strings.Contains(text, "...") { // cut short at printLimit
			t.Fatalf("%q is printed %q, which reads %v (%v)", src, text, again, err)
		}
		if _, err := g.Diff(n, 0); err == nil {
			_, _ = g.CompileResidual([]*Node{n})
		}
	})
}
