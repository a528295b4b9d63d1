package model

import (
	"fmt"
	"time"
	"unsafe"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/exchange"
	"fbpinn-mpi/solver/timeline"
)

// Model is what all ranks agree on before points exist.
type Model struct {
	Dec   *decomp.Decomposition
	Nets  []kernels.Net // per level
	Scale []float64     // s_k
	Shift []float64     // m_k
}

// Mode says what travels between neighbours.
type Mode int

const (
	// Jets: the owner of a subdomain evaluates it at its neighbours' points too and sends them the summed jets; adjoints
	// come back. Cheapest for wide networks.
	Jets Mode = iota
	// Parameters: the owner of a point evaluates every subdomain that covers it from a copy of the parameters; gradients go
	// back to the owner. Cheapest for small networks.
	Parameters
)

func (m Mode) String() string { return [...]string{"jets", "parameters"}[m] }

// Levels is the share of one level that a rank holds. Slots 0..Owned-1 belong to it (all subdomains if the level is
// replicated); the rest are ghosts, copies of a neighbour's parameters.
type Level struct {
	Subs       []int // slot → subdomain j
	Owned      int
	Replicated bool
	P          int
	At         int // offset of slot 0 in Theta and Grad
}

// Cloud is one rank's share of the map from parameters to jets at a set of points, with the messages that complete it.
// Theta and Grad hold all levels, replicated levels first: see Level.At. Theta, Grad, U and UBar lie in memory of the backend.
type Cloud[T kernels.Real] struct {
	Mode   Mode
	Points []int       // own points, ascending global indices
	X      [][]float64 // their coordinates [d][n]
	Levels []Level
	Theta  []T
	Grad   []T
	U      []T // own jets: U[(k*n_c+c)*len(Points) + i], then the halo sections of mode Jets
	UBar   []T // adjoints, same layout
	Traffic

	comm       mpi.Comm
	backend    kernels.Backend[T]
	groups     []group[T]
	exchange   *exchange.Exchange[T]
	replicated int             // length of the replicated part of Theta
	sum        mpi.Request     // of the replicated part of Grad
	coarse     kernels.Port[T] // carries it
	summed     []T             // what is being summed, nil if nothing is
	tick       func()          // progress, made once

	clock           *timeline.Recorder
	flight, exposed timeline.Phase // of sum
	left            time.Duration  // when sum started
}

// group is a stretch of levels in Theta whose networks have one shape, and so one plan and one kernel. See forward.go for "inner"
// and "rim".
type group[T kernels.Real] struct {
	kernel kernels.Kernel[T]
	plan   *kernels.Plan[T]
	at, n  int     // its stretch of Theta
	tiles  []place // tile → where it belongs

	inner, rim                            []int32 // all tiles
	forwardInner, forwardRim              kernels.Work[T]
	trainReplicated, trainInner, trainRim kernels.Work[T]
}

// place is what a tile belongs to.
type place struct {
	level, slot int32
	rim         bool
}

// Traffic counts what one step sends from this rank and what the cheaper of the two modes would need at least.
type Traffic struct {
	Pairs         int // pairs evaluated here each step
	Neighbours    int
	Bytes         int64 // sent a step to neighbours, both directions of the exchange
	MinimumBytes  int64 // the same with the cheaper mode for every pair of neighbours by itself
	ReducedValues int   // length of the all-reduce of replicated levels
}

// Range is a stretch of Theta whose subdomains this rank updates.
type Range struct{ Level, At, N int }

// Volume is what the exchange has been built to send from this rank in a step: messages and bytes, there and back.
func (c *Cloud[T]) Volume() exchange.Volume {
	f, t := c.exchange.Forward(), c.exchange.Transpose()
	return exchange.Volume{Messages: f.Messages + t.Messages, Bytes: f.Bytes + t.Bytes}
}

// Ranges lists what this rank updates, replicated levels first; the same stretch of Grad is complete after Adjoint.
func (c *Cloud[T]) Ranges() []Range {
	var rs []Range
	for _, replicated := range []bool{true, false} {
		for l, v := range c.Levels {
			if v.Replicated == replicated {
				rs = append(rs, Range{Level: l, At: v.At, N: v.Owned * v.P})
			}
		}
	}
	return rs
}

// Choice lets a job force what is otherwise computed.
type Choice struct {
	Mode      string // "auto", "jets", "parameters"
	Replicate int    // levels with at most this many subdomains are replicated; -1: by the rule of decomp.Replicated
	Like      []bool // replicated levels, decided before: overrides Replicate
}

// tag of the exchange; it uses this and the next.
const tag = 1

// Replicated tells which levels are.
func (c *Cloud[T]) Replicated() []bool {
	r := make([]bool, len(c.Levels))
	for l, v := range c.Levels {
		r[l] = v.Replicated
	}
	return r
}

// NewCloud builds this rank's share for points that every rank passes alike. Collective.
func NewCloud[T kernels.Real](comm mpi.Comm, backend kernels.Backend[T], m *Model, set kernels.Jets, part *decomp.Partition,
	points decomp.Points, choice Choice) (*Cloud[T], error) {
	y := NewLayout(m, set.N()*len(m.Scale), part, points, comm.Rank(), choice)
	cost := y.Cost()
	all := []int64{cost.Jets, cost.Parameters}
	if err := mpi.Allreduce(comm, all, mpi.Sum); err != nil {
		return nil, fmt.Errorf("model: choose what travels: %w", err)
	}
	c := &Cloud[T]{comm: comm, backend: backend, Mode: choice.Pick(Cost{Jets: all[0], Parameters: all[1]}), Points: y.Points}
	c.tick = c.progress
	b := &builder[T]{Cloud: c, y: y, set: set}
	if err := b.parameters(); err != nil {
		return nil, err
	}
	if err := b.planes(); err != nil {
		return nil, err
	}
	x, err := exchange.New(comm, backend, y.Links(c.Mode), tag)
	if err != nil {
		return nil, fmt.Errorf("model: build the exchange: %w", err)
	}
	c.exchange = x
	if c.Mode == Parameters {
		y.shed()
	}
	for _, levels := range b.stretches() {
		if err := b.open(levels); err != nil {
			return nil, err
		}
	}
	c.Traffic.Neighbours = len(y.Neighbours)
	size := int64(unsafe.Sizeof(T(0)))
	c.Traffic.Bytes, c.Traffic.MinimumBytes = cost.Of(c.Mode)*size, cost.Minimum*size
	c.Traffic.ReducedValues = c.replicated
	c.X = y.shed()
	return c, c.Activate(nil, nil)
}

// Observe takes the times of all messages from now on.
func (c *Cloud[T]) Observe(t *timeline.Recorder) {
	const what = "replicated gradients"
	c.clock, c.flight, c.exposed = t, t.Phase(timeline.Flight, what), t.Phase(timeline.Exposed, what)
	if c.Mode == Jets {
		c.exchange.Observe(t, "jets", "adjoints")
	} else {
		c.exchange.Observe(t, "parameters", "gradients")
	}
}

// Bytes is what the arrays of this rank take.
func (c *Cloud[T]) Bytes() int64 {
	values, bytes := len(c.Theta)+len(c.Grad)+len(c.U)+len(c.UBar), 8*len(c.Points)*(1+len(c.X))
	for k := range c.groups {
		p := c.groups[k].plan
		values += len(p.X) + len(p.W) + len(p.InvSigma)
		bytes += len(p.Tiles)*int(unsafe.Sizeof(kernels.Tile{})) + len(p.Runs)*int(unsafe.Sizeof(kernels.Run{}))
	}
	return int64(values)*int64(unsafe.Sizeof(T(0))) + int64(bytes)
}

// Close frees the memory of the cloud and of its kernels. No message may be under way.
func (c *Cloud[T]) Close() {
	for k := range c.groups {
		g := &c.groups[k]
		for _, w := range []kernels.Work[T]{g.forwardInner, g.forwardRim, g.trainReplicated, g.trainInner, g.trainRim} {
			if w != nil {
				w.Close()
			}
		}
		g.kernel.Close()
		p := g.plan
		kernels.Free(p.Tiles)
		kernels.Free(p.Runs)
		kernels.Free(p.Sections)
		for _, v := range [][]T{p.X, p.W, p.InvSigma, p.Scale, p.Shift} {
			kernels.Free(v)
		}
	}
	if c.exchange != nil {
		c.exchange.Close()
	}
	if c.coarse != nil {
		c.coarse.Close()
	}
	for _, v := range [][]T{c.Theta, c.Grad, c.U, c.UBar} {
		c.backend.Free(v)
	}
	c.groups, c.exchange, c.coarse, c.Theta, c.Grad, c.U, c.UBar = nil, nil, nil, nil, nil, nil, nil
}
