package solver

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/problem"
	"fbpinn-mpi/solver/schwarz"
)

// Need says what a stage of second order needs, and the choice between blocks and products that follows from it. It is known before
// the first number is computed, and counts all columns of a block, at most as many as it has rows: the filter usually drops many, and
// the factor shrinks with the square of what it keeps. Bytes, entries and operations are those of the rank with most.
type Need struct {
	Blocks bool   // else free
	Why    string // for people

	Unknowns, Rows int64 // of all ranks
	BlockBytes     int64 // B and T
	MatrixBytes    int64 // N of the patch
	FactorBytes    int64 // of its factorisation, at its peak
	FactorEntries  int64
	FactorFlops    float64
	FreeBytes      int64 // of the products: T and, for a moment, the largest block for each worker
	Memory         int64 // that blocks may take, of the rank with least
}

// Bytes is what blocks and factor take together.
func (n *Need) Bytes() int64 { return n.BlockBytes + n.MatrixBytes + n.FactorBytes }

// FewRows is the number of rows a column below which least squares fits what lies between the points: with fewer than three to five,
// noise there.
const FewRows = 3

// Needs of the stages, nil for those of first order, as if one rank had everything.
func Needs(p *problem.Problem, m *model.Model, set Settings) ([]*Need, error) {
	points, first := Sample(p, set.Seed)
	memory, err := set.Newton.memory(1)
	if err != nil {
		return nil, err
	}
	var needs []*Need
	for _, s := range set.Stages {
		var n *Need
		if s.secondOrder() {
			n = estimate(p, m, s.columns(), set.Newton, m.Dec.Partition(decomp.Planes(points), 1), points, first, 0)
			n.Memory = memory
			n.choose(set.Newton.Matrix)
		}
		needs = append(needs, n)
	}
	return needs, nil
}

// Needs of the stages over all ranks, nil for those of first order; the same on each rank. The first call is collective.
func (r *Run[T]) Needs() ([]*Need, error) {
	set := &r.Settings.Newton
	if set.needs != nil {
		return set.needs, nil
	}
	points, first := Sample(r.Problem, r.Settings.Seed)
	memory, err := set.memory(r.comm.LocalSize())
	if err != nil {
		return nil, err
	}
	needs := make([]*Need, len(r.Settings.Stages))
	for k, s := range r.Settings.Stages {
		if !s.secondOrder() {
			continue
		}
		n := estimate(r.Problem, r.Model, s.columns(), *set, r.Part, points, first, r.comm.Rank())
		most := []float64{float64(n.BlockBytes), float64(n.MatrixBytes), float64(n.FactorBytes), float64(n.FactorEntries), n.FactorFlops,
			float64(n.FreeBytes), -float64(memory)}
		if err := mpi.Allreduce(r.comm, most, mpi.Max); err != nil {
			return nil, fmt.Errorf("solver: compare memory: %w", err)
		}
		n.BlockBytes, n.MatrixBytes, n.FactorBytes = int64(most[0]), int64(most[1]), int64(most[2])
		n.FactorEntries, n.FactorFlops, n.FreeBytes, n.Memory = int64(most[3]), most[4], int64(most[5]), -int64(most[6])
		n.choose(set.Matrix)
		needs[k] = n
	}
	set.needs = needs
	return needs, nil
}

func (n *Need) choose(matrix string) {
	fits := n.Bytes() <= n.Memory
	switch matrix {
	case "blocks", "free":
		n.Blocks, n.Why = matrix == "blocks", "as the job says"
		if n.Blocks && !fits {
			n.Why += ", though they may not fit"
		}
	default:
		n.Blocks, n.Why = fits, "they fit"
		if !fits {
			n.Why = "blocks may not fit"
		}
	}
}

// memory is what blocks of a rank may take, where so many ranks share the machine.
func (n *Newton) memory(ranks int) (int64, error) {
	if n.Memory > 0 {
		return int64(n.Memory), nil
	}
	all, err := available(os.DirFS("/"))
	if err != nil {
		return 0, fmt.Errorf("solver: memory of the machine: %w; give train.linear.memory", err)
	}
	return all / 5 * 4 / int64(ranks), nil
}

// estimate is the need of one rank.
func estimate(p *problem.Problem, m *model.Model, columns kernels.Columns, set Newton, part *decomp.Partition, points [][]float64, first []int,
	rank int) *Need {
	n := &Need{}
	residuals := 0
	for t, term := range p.Terms {
		residuals = max(residuals, len(term.Raw))
		n.Rows += int64(len(term.Raw)) * int64(first[t+1]-first[t])
	}
	x, all := shape(m, columns, part, points, rank)
	for j, count := range x.Rows {
		x.Columns[j] = min(x.Columns[j], all[j]*residuals)
		x.Rows[j] = kernels.Pad(count) * residuals
		n.Unknowns += int64(x.Columns[j])
	}
	need := set.Linear.Needs(x, rank, part.Ranks())
	n.BlockBytes, n.MatrixBytes, n.FactorBytes = need.BlockBytes, need.MatrixBytes, need.Factor.Bytes(max(1, set.Linear.Workers))
	n.FactorEntries, n.FactorFlops, n.FreeBytes = need.Factor.Entries, need.Factor.Flops, need.FreeBytes+need.Largest*int64(max(1, set.Linear.Workers))
	if columns == kernels.AllColumns { // the output layer has blocks and a factor of its own
		o := estimate(p, m, kernels.OutputColumns, set, part, points, first, rank)
		n.BlockBytes, n.MatrixBytes, n.FactorBytes = n.BlockBytes+o.BlockBytes, n.MatrixBytes+o.MatrixBytes, n.FactorBytes+o.FactorBytes
		n.FreeBytes += o.FreeBytes
	}
	return n
}

// shape finds which subdomains share points. Rows are counted in points of the rank; all are the points of each subdomain on any rank.
// Many points lie in the same subdomains: pairs of these are looked at once for each such set.
func shape(m *model.Model, columns kernels.Columns, part *decomp.Partition, points [][]float64, rank int) (x *schwarz.Shape, all []int) {
	x = &schwarz.Shape{Centre: make([][]float64, len(points))}
	owner := part.Owners(points)
	set := make([]int32, len(points[0])) // by point, the number of its set of subdomains of the levels so far
	members := [][]int32{nil}            // by number
	for l, level := range m.Dec.Levels {
		base := int32(len(x.Owner))
		x.Owner = append(x.Owner, level.Owners(part)...)
		for j := range level.Len() {
			x.Columns = append(x.Columns, m.Nets[l].Columns(columns))
			centre := level.Centre(j)
			for a := range x.Centre {
				x.Centre[a] = append(x.Centre[a], centre[a])
			}
		}
		number := map[string]int32{}
		var next [][]int32
		var key []byte
		level.Cover(points, func(i int, subs []int32) {
			key = binary.LittleEndian.AppendUint32(key[:0], uint32(set[i]))
			for _, j := range subs {
				key = binary.LittleEndian.AppendUint32(key, uint32(j))
			}
			k, ok := number[string(key)]
			if !ok {
				k = int32(len(next))
				number[string(key)] = k
				list := slices.Clone(members[set[i]])
				for _, j := range subs {
					list = append(list, base+j)
				}
				next = append(next, list)
			}
			set[i] = k
		})
		members = next
	}
	own, total := make([]int, len(members)), make([]int, len(members))
	for i, k := range set {
		total[k]++
		if int(owner[i]) == rank {
			own[k]++
		}
	}
	x.Rows, x.Near, all = make([]int, len(x.Owner)), make([][]int32, len(x.Owner)), make([]int, len(x.Owner))
	tidy := make([]int, len(x.Owner)) // length of Near after it was last cleared of repetitions
	for k, list := range members {
		for _, j := range list {
			x.Rows[j] += own[k]
			all[j] += total[k]
			for _, i := range list {
				if i != j {
					x.Near[j] = append(x.Near[j], i)
				}
			}
			if len(x.Near[j]) > 2*tidy[j]+64 {
				x.Near[j] = unique(x.Near[j])
				tidy[j] = len(x.Near[j])
			}
		}
	}
	for j := range x.Near {
		x.Near[j] = unique(x.Near[j])
	}
	return x, all
}

func unique(v []int32) []int32 {
	slices.Sort(v)
	return slices.Compact(v)
}

// String is the choice in a line.
func (n *Need) String() string {
	how := "free"
	if n.Blocks {
		how = "blocks"
	}
	return fmt.Sprintf("%s, %s: blocks %s, normal matrix %s and factor %s a rank at most, of %s; free %s", how, n.Why, gib(n.BlockBytes),
		gib(n.MatrixBytes), gib(n.FactorBytes), gib(n.Memory), gib(n.FreeBytes))
}

func gib(bytes int64) string {
	x := float64(bytes)
	for _, unit := range []string{"B", "KiB", "MiB"} {
		if x < 1024 {
			return fmt.Sprintf("%.3g %s", x, unit)
		}
		x /= 1024
	}
	if x >= 1000 {
		return fmt.Sprintf("%.0f GiB", math.Round(x))
	}
	return fmt.Sprintf("%.3g GiB", x)
}
