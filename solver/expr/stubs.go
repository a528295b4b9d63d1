package expr

import (
	"errors"

	"fbpinn-mpi/kernels"
)

var errStub = errors.New("expr: under construction")

type Error struct {
	Src      string
	Col, Len int
	Msg      string
	Hint     string
}

func (e *Error) Error() string                                  { return e.Msg }
func (s Symbols) Check() error                                  { return nil }
func (g *Graph) intern(n Node) *Node                            { n.graph = g; return &n }
func (g *Graph) Parse(src string) (*Node, error)                { return nil, errStub }
func (g *Graph) ParseEquation(src string) (*Node, error)        { return nil, errStub }
func (g *Graph) ParseNumber(src string) (float64, error)        { return 0, errStub }
func (g *Graph) Add(ns ...*Node) *Node                          { return nil }
func (g *Graph) Sub(a, b *Node) *Node                           { return nil }
func (g *Graph) Mul(ns ...*Node) *Node                          { return nil }
func (g *Graph) Div(a, b *Node) *Node                           { return nil }
func (g *Graph) Pow(a, b *Node) *Node                           { return nil }
func (g *Graph) Neg(a *Node) *Node                              { return nil }
func (g *Graph) Call(name string, args ...*Node) (*Node, error) { return nil, errStub }
func (g *Graph) Diff(n *Node, coord int) (*Node, error)         { return nil, errStub }

// Derivative is the total derivative m of n.
func (g *Graph) Derivative(n *Node, m kernels.MultiIndex) (*Node, error) { return nil, errStub }
func (g *Graph) Partial(n, jet *Node) *Node                              { return nil }
func (g *Graph) Substitute(n *Node, f func(jet *Node) *Node) (*Node, error) {
	return nil, errStub
}

// Constrain replaces each jet of unknown k by the total derivative of ansatz[k] (nil: the raw unknown itself).
func (g *Graph) Constrain(n *Node, ansatz []*Node) (*Node, error) { return nil, errStub }
func (g *Graph) Jets(ns ...*Node) []*Node                         { return nil }
func (g *Graph) XOnly(n *Node) bool                               { return false }
func (n *Node) String() string                                    { return "" }

// Eval evaluates ns at n points; coords are columns [d][n]; leaf gives the planes of jets, data and seeds (nil: there are none).
func Eval(ns []*Node, coords [][]float64, leaf func(n *Node) []float64, n int) [][]float64 {
	return nil
}
func (g *Graph) Compile(outputs, inputs []*Node) (kernels.Program, error) {
	return kernels.Program{}, errStub
}
func (g *Graph) Columns(outputs []*Node) []*Node { return nil }

type Residual struct {
	Jets     []*Node
	Columns  []*Node
	Value    kernels.Program
	Gradient kernels.Program
	Tangent  kernels.Program
	Adjoint  kernels.Program
}

func (g *Graph) CompileResidual(rs []*Node) (*Residual, error) { return nil, errStub }
