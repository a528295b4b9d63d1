package expr

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"fbpinn-mpi/kernels"
)

var opNames = map[Op]string{
	OpExp: "exp", OpLog: "log", OpSin: "sin", OpCos: "cos", OpTan: "tan", OpTanh: "tanh", OpSinh: "sinh", OpCosh: "cosh",
	OpAtan: "atan", OpAsin: "asin", OpAcos: "acos", OpAbs: "abs", OpSign: "sign", OpStep: "step", OpMin: "min", OpMax: "max",
}

// builtins lists the functions of the language; sqrt and sigmoid are written in terms of others.
var builtins = func() map[string]Op {
	m := map[string]Op{"sqrt": OpPow, "sigmoid": OpTanh}
	for op, name := range opNames {
		m[name] = op
	}
	return m
}()

// special forms and constants: names that a job may not give to anything else.
var reserved = []string{"sum", "prod", "d", "data", "pi", "e"}

// Call applies a built-in function by name.
func (g *Graph) Call(name string, args ...*Node) (*Node, error) {
	op, ok := builtins[name]
	if !ok {
		return nil, fmt.Errorf("there is no function %q", name)
	}
	if len(args) != arity(op, name) {
		return nil, fmt.Errorf("%s takes %s, not %d", name, count(arity(op, name), "argument"), len(args))
	}
	switch name {
	case "sqrt":
		return g.Pow(args[0], g.Const(0.5)), nil
	case "sigmoid": // 1/(1+e^-x) without overflow
		return g.linear(0.5, []float64{0.5}, []*Node{g.function(OpTanh, g.scale(0.5, args[0]))}), nil
	}
	return g.function(op, args...), nil
}

func arity(op Op, name string) int {
	if op == OpMin || op == OpMax {
		return 2
	}
	return 1
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Check reports names that clash, cannot be written, or could be read in two ways, and numbers that are not finite.
func (s Symbols) Check() error {
	if len(s.Coords) < 1 || len(s.Coords) > kernels.MaxD {
		return fmt.Errorf("there must be 1 to %d coordinates, not %d", kernels.MaxD, len(s.Coords))
	}
	owner := map[string]string{}
	claim := func(name, what string) error {
		if err := nameable(name, what); err != nil {
			return err
		}
		if other := owner[name]; other != "" {
			return fmt.Errorf("%s is the name of %s and of %s", name, other, what)
		}
		owner[name] = what
		return nil
	}
	var errs []error
	for _, c := range s.Coords {
		errs = append(errs, claim(c, "a coordinate"))
		if strings.Contains(c, "_") {
			errs = append(errs, fmt.Errorf("coordinate %s: an underscore would make derivatives such as u_%s unreadable", c, c))
		}
	}
	for _, u := range s.Unknowns {
		errs = append(errs, claim(u, "an unknown"))
	}
	for _, p := range slices.Sorted(maps.Keys(s.Params)) {
		errs = append(errs, claim(p, "a parameter"))
		if !finite(s.Params[p]) {
			errs = append(errs, fmt.Errorf("parameter %s is %v: it must be a finite number", p, s.Params[p]))
		}
	}
	for _, f := range slices.Sorted(maps.Keys(s.External)) {
		errs = append(errs, claim(f, "a solution"))
		if e := s.External[f]; e.Eval == nil || e.Arity < 0 {
			panic("expr: external function without Eval")
		}
	}
	for _, f := range slices.Sorted(maps.Keys(s.Field)) {
		errs = append(errs, claim(f, "a field"))
		if s.Field[f].Eval == nil {
			panic("expr: field without Eval")
		}
	}
	for _, f := range slices.Sorted(maps.Keys(s.Funcs)) {
		errs = append(errs, claim(f, "a function"))
		seen := map[string]bool{}
		for _, a := range s.Funcs[f].Args {
			errs = append(errs, nameable(a, "an argument of "+f))
			if seen[a] {
				errs = append(errs, fmt.Errorf("function %s has two arguments named %s", f, a))
			}
			seen[a] = true
		}
	}
	errs = append(errs, s.derivativeNames(owner))
	for _, err := range errs {
		if err != nil {
			return err // the first one: later ones are often its consequence
		}
	}
	return nil
}

// derivativeNames rejects a name such as u_x beside an unknown or field u and a coordinate x on which it depends.
func (s Symbols) derivativeNames(owner map[string]string) error {
	g := &Graph{sym: s}
	for _, name := range slices.Sorted(maps.Keys(owner)) {
		i := strings.LastIndexByte(name, '_')
		if i <= 0 || s.Field[name[:i]] == nil && !slices.Contains(s.Unknowns, name[:i]) {
			continue
		}
		readings, _ := g.subscript(name[i+1:])
		if f := s.Field[name[:i]]; f != nil { // start_u_t beside start_u(x) is a field of its own
			readings = slices.DeleteFunc(readings, func(m kernels.MultiIndex) bool { return !f.has(m) })
		}
		if len(readings) > 0 {
			return fmt.Errorf("%s is the name of %s, but reads as a derivative of %s", name, owner[name], name[:i])
		}
	}
	return nil
}

// nameable reports why name cannot be used for something.
func nameable(name, what string) error {
	if name == "" {
		return errors.New("the name of " + what + " is empty")
	}
	for i, r := range name {
		if !isLetter(r) && (i == 0 || !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)) {
			return fmt.Errorf("%q cannot be the name of %s: letters, digits and underscores, beginning with a letter", name, what)
		}
	}
	if _, ok := builtins[name]; ok || slices.Contains(reserved, name) {
		return fmt.Errorf("%s cannot be the name of %s: the language uses it already", name, what)
	}
	return nil
}
