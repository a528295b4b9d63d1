package schwarz

import (
	"errors"
	"fmt"
	"slices"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/solver/direct"
	"fbpinn-mpi/solver/exchange"
)

// patch is the own blocks of a rank with some layers of neighbours: N on it and its Cholesky factor.
type patch struct {
	blocks  []int32 // ascending
	own     []bool  // [blocks]
	at      []int   // [blocks+1] place of each block's unknowns in vectors of the patch
	pattern direct.Pattern
	centre  [][]float64
	value   [][]float64 // by place in pattern.Row: N without damping
	weight  []float64   // of each unknown, see block.w
	plan    *direct.Plan
	factor  *direct.Factor
}

// Defaults of Settings that depend on the system.
const (
	fewLayers    = 2
	moreLayers   = 3
	largeGrowth  = 2    // of the largest patch over the largest share of a rank
	fewRanks     = 4    // up to which patches need no coarse space: NOTES.md
	rankVectors  = 80   // coarse vectors of a rank
	worldVectors = 2560 // of all: every rank factors the coarse matrix
)

// choose sets the patches of all ranks and returns the number of coarse vectors that each rank looks for.
func (s *Solver) choose() (vectors int) {
	hub := s.pattern.hubs()
	grow := func(layers int) (patches [][]int32, largest int) {
		patches = make([][]int32, s.comm.Size())
		for r := range patches {
			patches[r] = s.pattern.patch(s.sys.Owner, hub, r, layers)
			n := 0
			for _, j := range patches[r] {
				n += int(s.kept[j])
			}
			largest = max(largest, n)
		}
		return patches, largest
	}
	if s.set.Layers > 0 {
		s.patches, _ = grow(s.set.Layers)
	} else {
		s.patches, _ = grow(fewLayers)
		_, share := grow(0)
		if more, n := grow(moreLayers); n <= largeGrowth*share {
			s.patches = more
		}
	}
	switch {
	case s.comm.Size() == 1 || s.set.CoarseVectors < 0:
		return 0
	case s.set.CoarseVectors > 0:
		return s.set.CoarseVectors
	case s.comm.Size() <= fewRanks:
		return 0
	case slices.Contains(hub, true): // where levels depend on each other, deflation made it worse: NOTES.md
		return 0
	}
	return min(rankVectors, worldVectors/s.comm.Size())
}

// newPatch lays out the patch of this rank.
func (s *Solver) newPatch() *patch {
	p := &patch{blocks: s.patches[s.comm.Rank()]}
	p.own, p.at = make([]bool, len(p.blocks)), make([]int, len(p.blocks)+1)
	place := make(map[int32]int32, len(p.blocks))
	for k, j := range p.blocks {
		p.own[k] = int(s.sys.Owner[j]) == s.comm.Rank()
		p.at[k+1] = p.at[k] + int(s.kept[j])
		place[j] = int32(k)
		p.pattern.Size = append(p.pattern.Size, int(s.kept[j]))
	}
	for k, j := range p.blocks {
		p.pattern.Start = append(p.pattern.Start, len(p.pattern.Row))
		p.pattern.Row = append(p.pattern.Row, int32(k))
		for _, i := range s.pattern.near[j] {
			if l, in := place[i]; in && i > j {
				p.pattern.Row = append(p.pattern.Row, l)
			}
		}
	}
	p.pattern.Start = append(p.pattern.Start, len(p.pattern.Row))
	for _, x := range s.sys.Centre {
		c := make([]float64, len(p.blocks))
		for k, j := range p.blocks {
			c[k] = x[j]
		}
		p.centre = append(p.centre, c)
	}
	return p
}

// entry is the place in pattern.Row of the block of a pair.
func (p *patch) entry(q pair) int {
	low, _ := slices.BinarySearch(p.blocks, q.low)
	high, _ := slices.BinarySearch(p.blocks, q.high)
	from := p.pattern.Start[low]
	k, ok := slices.BinarySearch(p.pattern.Row[from:p.pattern.Start[low+1]], int32(high))
	if !ok {
		panic("schwarz: pair that the patch does not have")
	}
	return from + k
}

// assemble sums N on the patch from the parts of all ranks, in order of ranks. Every rank sends its part of a block to all ranks whose
// patches hold it: all know from the pattern what to expect of whom.
func (s *Solver) assemble(mine []dense.Matrix) error {
	rank, p := s.comm.Rank(), s.patch
	member := make([][]int32, len(s.sys.Owner)) // ranks whose patches hold block j
	for r, blocks := range s.patches {
		for _, j := range blocks {
			member[j] = append(member[j], int32(r))
		}
	}
	var out, in []piece
	for k, q := range s.pattern.pairs[rank] {
		for _, r := range member[q.low] {
			if _, both := slices.BinarySearch(member[q.high], r); both && int(r) != rank {
				out = append(out, piece{int(r), mine[k].Data})
			}
		}
	}
	p.value = make([][]float64, len(p.pattern.Row))
	for k := range p.blocks {
		n := p.pattern.Size[k]
		one := make([]float64, n*n)
		for i := range n {
			one[i*(n+1)] = 1
		}
		p.value[p.pattern.Start[k]] = one
	}
	type part struct {
		entry int
		data  []float64
	}
	var parts []part
	for r, ps := range s.pattern.pairs {
		for k, q := range ps {
			_, low := slices.BinarySearch(p.blocks, q.low)
			_, high := slices.BinarySearch(p.blocks, q.high)
			if !low || !high {
				continue
			}
			if r == rank {
				parts = append(parts, part{p.entry(q), mine[k].Data})
				continue
			}
			v := make([]float64, s.kept[q.high]*s.kept[q.low])
			parts = append(parts, part{p.entry(q), v})
			in = append(in, piece{r, v})
		}
	}
	if err := s.trade(out, in); err != nil {
		return fmt.Errorf("schwarz: normal matrix to patches: %w", err)
	}
	for _, v := range parts {
		if p.value[v.entry] == nil {
			p.value[v.entry] = v.data
			continue
		}
		sum := slices.Clone(p.value[v.entry]) // the first part may serve other ranks or this one again
		for i, x := range v.data {
			sum[i] += x
		}
		p.value[v.entry] = sum
	}
	return nil
}

// weigh learns the damping weights of all unknowns of the patch from the ranks that own them.
func (s *Solver) weigh() error {
	rank, p := s.comm.Rank(), s.patch
	p.weight = make([]float64, p.at[len(p.blocks)])
	var out, in []piece
	for k, j := range p.blocks {
		w := p.weight[p.at[k]:p.at[k+1]]
		if p.own[k] {
			copy(w, s.blocks[s.sys.number(j)].w)
		} else {
			in = append(in, piece{int(s.sys.Owner[j]), w})
		}
	}
	for r, blocks := range s.patches {
		for _, j := range blocks {
			if int(s.sys.Owner[j]) == rank && r != rank {
				out = append(out, piece{r, s.blocks[s.sys.number(j)].w})
			}
		}
	}
	if err := s.trade(out, in); err != nil {
		return fmt.Errorf("schwarz: weights of the damping to patches: %w", err)
	}
	return nil
}

// steps of the ridge: where a pivot is not positive, it grows by ridgeGrowth, up to ridgeSteps times. The matrix is singular to
// working precision, and rounding of its sums may exceed the ridge.
const (
	ridgeGrowth = 10
	ridgeSteps  = 4
)

// decompose factors N + ν diag(w) + ridge on the patch. It returns false if no ridge helps.
func (s *Solver) decompose() (bool, error) {
	p := s.patch
	if p.factor != nil {
		p.factor.Free()
		p.factor = nil
	}
	if p.plan == nil {
		p.plan = direct.Analyse(&p.pattern, p.centre)
	}
	value := p.value
	if s.damping > 0 {
		value = slices.Clone(value)
		for k, n := range p.pattern.Size {
			diagonal := slices.Clone(value[p.pattern.Start[k]])
			for i, w := range p.weight[p.at[k]:p.at[k+1]] {
				diagonal[i*(n+1)] += s.damping * w
			}
			value[p.pattern.Start[k]] = diagonal
		}
	}
	ridge := s.set.Ridge
	for range ridgeSteps + 1 {
		f, err := p.plan.Factor(s.lib, value, ridge, s.set.Workers)
		var pivot *direct.PivotError
		switch {
		case err == nil:
			p.factor = f
			s.report.Ridge = ridge
			return true, nil
		case !errors.As(err, &pivot):
			return false, fmt.Errorf("schwarz: factor of a patch: %w", err)
		}
		ridge *= ridgeGrowth
	}
	return false, nil
}

// holders lists, for each rank, the blocks that it touches or owns, ascending: those whose unknowns it keeps.
func (s *Solver) holders() [][]int32 {
	h := make([][]int32, s.comm.Size())
	for r, ts := range s.pattern.touch {
		for _, t := range ts {
			h[r] = append(h[r], t.block)
		}
	}
	for j, o := range s.sys.Owner {
		h[o] = append(h[o], int32(j))
	}
	for r := range h {
		slices.Sort(h[r])
		h[r] = slices.Compact(h[r])
	}
	return h
}

// connect opens the exchange of the iteration. Forward: the shares that ranks have in a gradient go to all patches that hold the
// block and are added there, in order of ranks, this rank among them. Transpose: corrections of patches go to all ranks that
// touch the block. One message a neighbour each way, where the owner in between would take two.
func (s *Solver) connect() error {
	rank := s.comm.Rank()
	s.hold = s.holders()
	var links []exchange.Link
	for r := range s.comm.Size() {
		l := exchange.Link{Rank: r}
		for k, t := range s.sys.Touch {
			if _, in := slices.BinarySearch(s.patches[r], int32(t.Block)); in && s.holds(rank, t.Block) {
				l.Send = append(l.Send, kernels.Block{At: int64(s.at[k]), N: int64(s.at[k+1] - s.at[k])})
			}
		}
		for k, j := range s.patch.blocks {
			if s.holds(r, int(j)) {
				l.Recv = append(l.Recv, kernels.Block{At: int64(s.patch.at[k]), N: int64(s.patch.at[k+1] - s.patch.at[k])})
			}
		}
		if len(l.Send)+len(l.Recv) > 0 {
			links = append(links, l)
		}
	}
	x, err := exchange.New(s.comm, kernels.Processor[float64]{}, links, s.set.Tag)
	if err != nil {
		return fmt.Errorf("schwarz: exchange of the iteration: %w", err)
	}
	x.Observe(s.set.Timeline, "gradients of blocks", "corrections of blocks")
	s.exchange = x
	return nil
}

func (s *Solver) holds(rank, j int) bool {
	_, in := slices.BinarySearch(s.hold[rank], int32(j))
	return in
}
