package expr

import (
	"math"

	"fbpinn-mpi/kernels"
)

// Op says what a Node is.
type Op uint8

const (
	OpConst    Op = iota // Value
	OpCoord              // x_a, a = Coord
	OpJet                // U_{k,m}, k = Unknown, m = Index
	OpData               // column data.Name
	OpField              // derivative m = Index of field Name
	OpSeed               // free input plane of a program
	OpExternal           // numeric function Name of Args, without derivative rule
	OpSum                // Value + Σ Coef[i]·Args[i]
	OpProduct            // Π Args[i]
	OpPow                // Args[0] ^ Args[1]
	OpExp
	OpLog
	OpSin
	OpCos
	OpTan
	OpTanh
	OpSinh
	OpCosh
	OpAtan
	OpAsin
	OpAcos
	OpAbs
	OpSign
	OpStep // 1 where the argument is >= 0, else 0
	OpMin
	OpMax
)

// Node is an expression. Nodes belong to one Graph, never change, and are equal exactly if their pointers are.
type Node struct {
	Op      Op
	Value   float64   // OpConst; the constant part of OpSum
	Coef    []float64 // OpSum: one factor per argument
	Args    []*Node   // ascending by age for OpSum and OpProduct
	Coord   int
	Unknown int
	Index   kernels.MultiIndex
	Name    string // OpData, OpField, OpSeed, OpExternal

	id     int // age in the graph: a deterministic order
	graph  *Graph
	point  bool // depends on the point only: coordinates, data, constants
	broken bool // a constant in it is NaN or infinite
}

// External is a numeric function without derivative rule, such as an exact or a reference solution.
type External struct {
	Arity int
	Eval  func(args []float64) float64
}

// Field is a function of the point that is known by its values and derivatives, such as the state from which a time slab
// starts. Expressions use it by its name, and its derivatives as those of an unknown: start_u, start_u_xx, d(start_u, x).
type Field struct {
	Along [kernels.MaxD]bool // coordinates that it depends on; derivatives in the others are zero
	// Eval returns derivative m at points [d][n], n values. A call of package expr's Eval asks once for every derivative in
	// its expressions, in an order that depends on the expressions alone, and asks also if n is 0: Eval may communicate.
	Eval func(m kernels.MultiIndex, points [][]float64) ([]float64, error)
}

// has tells that f depends on all coordinates of a derivative.
func (f *Field) has(m kernels.MultiIndex) bool {
	for a, n := range m {
		if n > 0 && !f.Along[a] {
			return false
		}
	}
	return true
}

// Func is a helper function of a job: f(Args) = Body.
type Func struct {
	Args []string
	Body string
}

// Symbols are the names that expressions may use.
type Symbols struct {
	Coords   []string            // 1..4
	Unknowns []string            // any number
	Params   map[string]float64  // named numbers
	Funcs    map[string]Func     // helper functions; may call each other, no recursion
	External map[string]External // numeric functions
	Field    map[string]*Field   // functions known by values and derivatives
	Data     []string            // columns, used as data.NAME
}

// workLimit bounds the construction of a graph, counted in arguments handled: about a second. Hostile input stops there.
const workLimit = 5_000_000

// Graph holds the nodes of a set of expressions over the same symbols. Building is for one goroutine at a time; Eval and
// String only read.
type Graph struct {
	sym   Symbols
	bad   error // what is wrong with the symbols; reported by every Parse
	nodes map[string]*Node
	key   []byte // scratch
	work  int    // arguments handled so far, see workLimit
	diffs [kernels.MaxD]map[*Node]*Node
	zero  *Node
	one   *Node
}

// NewGraph starts an empty graph. Symbols that clash are reported by the first Parse (or by Symbols.Check before).
func NewGraph(s Symbols) *Graph {
	g := &Graph{sym: s, bad: s.Check(), nodes: map[string]*Node{}}
	g.zero = g.Const(0)
	g.one = g.Const(1)
	for a := range g.diffs {
		g.diffs[a] = map[*Node]*Node{}
	}
	for a := range s.Coords { // the oldest nodes, so that terms appear in this order
		g.Coord(a)
	}
	for k := range s.Unknowns {
		g.Jet(k, kernels.MultiIndex{})
	}
	return g
}

// Const is the number v.
func (g *Graph) Const(v float64) *Node {
	if v == 0 {
		v = 0 // -0 is 0
	}
	return g.intern(Node{Op: OpConst, Value: v, broken: math.IsNaN(v) || math.IsInf(v, 0)})
}

// Coord is coordinate a.
func (g *Graph) Coord(a int) *Node {
	if a < 0 || a >= len(g.sym.Coords) {
		panic("expr: coordinate out of range")
	}
	return g.intern(Node{Op: OpCoord, Coord: a})
}

// Jet is the derivative m of raw unknown k.
func (g *Graph) Jet(k int, m kernels.MultiIndex) *Node {
	if k < 0 || k >= len(g.sym.Unknowns) {
		panic("expr: unknown out of range")
	}
	if m.Order() > kernels.MaxOrder {
		panic("expr: derivative above fourth order")
	}
	return g.intern(Node{Op: OpJet, Unknown: k, Index: m})
}

// Data is the column data.name.
func (g *Graph) Data(name string) *Node { return g.intern(Node{Op: OpData, Name: name}) }

// Field is derivative m of the named field; along coordinates that it does not depend on that is zero.
func (g *Graph) Field(name string, m kernels.MultiIndex) *Node {
	f := g.sym.Field[name]
	if f == nil {
		panic("expr: no such field")
	}
	if !f.has(m) {
		return g.zero
	}
	if m.Order() > kernels.MaxOrder {
		panic("expr: derivative above fourth order")
	}
	return g.intern(Node{Op: OpField, Name: name, Index: m})
}

// Seed is a named input plane of a program that stands for no jet and no column. It has no derivatives.
func (g *Graph) Seed(name string) *Node { return g.intern(Node{Op: OpSeed, Name: name}) }
