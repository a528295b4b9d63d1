package decomp

import (
	"reflect"
	"testing"

	"fbpinn-mpi/solver/region"
)

// published is the decomposition [1,8,64] with δ = 1.9 of Dolean et al. 2024.
func published(t testing.TB) *Decomposition {
	var specs []LevelSpec
	for _, n := range []int{1, 8, 64} {
		specs = append(specs, LevelSpec{Counts: []int{n, n}, Overlap: []float64{1.9}})
	}
	return must(t, unitBox(2), specs...)
}

// Weight of the busiest rank over the mean: cuts fall between grid columns, of which a region of 64 ranks has 40, and the
// deviations of three or six cuts add up.
const imbalance = 1.05

func TestPartition(t *testing.T) {
	dec := published(t)
	sets := map[string][][]float64{"grid": grid(dec.Axes, 320, 320), "scattered": scatter(dec.Axes, 20000, 11)}
	for name, points := range sets {
		weight := dec.Weights(points)
		for _, np := range []int{1, 2, 3, 4, 7, 8, 64} {
			p := dec.Partition(Planes(points), np)
			if p.Ranks() != np {
				t.Fatalf("%s: %d regions for %d ranks", name, p.Ranks(), np)
			}
			owner := p.Owners(points)
			sum, total := make([]float64, np), 0.0
			for i, r := range owner {
				sum[r] += weight[i]
				total += weight[i]
				inside := 0
				for q := 0; q < np; q++ {
					lo, hi := p.Box(q)
					if within(points, i, lo, hi) {
						inside++
						if int32(q) != r {
							t.Fatalf("%s np=%d: point %d lies in region %d, its owner is %d", name, np, i, q, r)
						}
					}
				}
				if inside != 1 {
					t.Fatalf("%s np=%d: point %d lies in %d regions", name, np, i, inside)
				}
			}
			for r, s := range sum {
				if s > imbalance*total/float64(np) {
					t.Errorf("%s np=%d: rank %d has %.3f of the mean weight", name, np, r, s*float64(np)/total)
				}
			}
			volume := 0.0
			for r := 0; r < np; r++ {
				lo, hi := p.Box(r)
				volume += (hi[0] - lo[0]) * (hi[1] - lo[1])
			}
			if volume < 1-1e-12 || volume > 1+1e-12 {
				t.Errorf("%s np=%d: regions have volume %g of 1", name, np, volume)
			}
			for _, l := range dec.Levels {
				for j, r := range l.Owners(p) {
					c, lo, hi := l.Centre(j), [MaxD]float64{}, [MaxD]float64{}
					lo, hi = p.Box(int(r))
					for a := 0; a < 2; a++ {
						if c[a] < lo[a] || c[a] > hi[a] {
							t.Fatalf("np=%d: centre %v in the region of rank %d", np, c, r)
						}
					}
				}
			}
		}
	}
}

// pieces hands out points in blocks of uneven sizes.
type pieces [][]float64

func (p pieces) Blocks(visit func(first int, x [][]float64)) {
	n := len(p[0])
	for first, size := 0, 1; first < n; first, size = first+size, size%501+7 {
		x := make([][]float64, len(p))
		for a := range p {
			x[a] = p[a][first:min(first+size, n)]
		}
		visit(first, x)
	}
}

// The partition does not depend on how the points come, and OwnedBy finds what Owners says.
func TestPartitionBlocks(t *testing.T) {
	periodic := unitBox(2)
	periodic[0].Periodic = true
	corner := region.Box{Lo: []float64{0.5, 0.5}, Hi: []float64{1, 1}}
	whole := LevelSpec{Counts: []int{12, 9}, Overlap: []float64{1.9}}
	free := LevelSpec{Free: []Box{{Centre: []float64{0.3, 0.5}, Width: []float64{0.9, 1.5}}, {Centre: []float64{0.7, 0.5}, Width: []float64{0.9, 1.5}}}}
	for name, dec := range map[string]*Decomposition{"published": published(t), "periodic": must(t, periodic, whole),
		"free": must(t, unitBox(2), free), "cut": cutBox(t, whole, corner)} {
		points := scatter(dec.Axes, 5000, 3)
		for _, np := range []int{1, 3, 8, 64} {
			p, q := dec.Partition(Planes(points), np), dec.Partition(pieces(points), np)
			if !reflect.DeepEqual(p.nodes, q.nodes) {
				t.Errorf("%s np=%d: the partition depends on the blocks in which points come", name, np)
			}
			for k, l := range dec.Levels {
				owner, seen := l.Owners(p), 0
				for r := range np {
					subs := l.OwnedBy(p, r)
					seen += len(subs)
					for i, j := range subs {
						if int(owner[j]) != r || i > 0 && subs[i-1] >= j {
							t.Errorf("%s np=%d level %d: rank %d owns %v, subdomain %d belongs to %d", name, np, k+1, r, subs, j, owner[j])
						}
					}
				}
				if seen != l.Len() {
					t.Errorf("%s np=%d level %d: %d of %d subdomains have owners", name, np, k+1, seen, l.Len())
				}
			}
		}
	}
}

func cutBox(t *testing.T, spec LevelSpec, removed region.Box) *Decomposition {
	t.Helper()
	dec, err := New(unitBox(2), []LevelSpec{spec}, removed)
	if err != nil {
		t.Fatal(err)
	}
	return dec
}

// within is the half-open test of regions; the domain's upper ends belong to it.
func within(points [][]float64, i int, lo, hi [MaxD]float64) bool {
	for a := range points {
		x := points[a][i]
		if x < lo[a] || x > hi[a] || x == hi[a] && hi[a] != 1 {
			return false
		}
	}
	return true
}

// TestPartitionMoreRanksThanPoints: regions without points are allowed, overlapping ones are not.
func TestPartitionMoreRanksThanPoints(t *testing.T) {
	dec := must(t, unitBox(2), LevelSpec{Counts: []int{2, 2}, Overlap: []float64{1.9}})
	points := [][]float64{{0.5, 0.5, 0.5}, {0.25, 0.25, 0.75}}
	p := dec.Partition(Planes(points), 8)
	owner := p.Owners(points)
	if owner[0] != owner[1] || owner[0] == owner[2] {
		t.Errorf("owners %v: two points in one place, the third elsewhere", owner)
	}
	for r := 0; r < 8; r++ {
		lo, hi := p.Box(r)
		mid := []float64{(lo[0] + hi[0]) / 2, (lo[1] + hi[1]) / 2}
		if p.Owner(mid) != r {
			t.Errorf("the middle %v of region %d belongs to %d", mid, r, p.Owner(mid))
		}
	}
}

// TestLoad counts halos and neighbours by brute force over all subdomains.
func TestLoad(t *testing.T) {
	axes := []Axis{{Name: "x", Lo: 0, Hi: 1, Periodic: true}, {Name: "y", Lo: 0, Hi: 1}}
	dec := must(t, axes, LevelSpec{Counts: []int{12, 10}, Overlap: []float64{1.9}})
	l, points := dec.Levels[0], grid(axes, 40, 30)
	const np = 5
	p := dec.Partition(Planes(points), np)
	pointRank, subRank := p.Owners(points), l.Owners(p)
	in := brute(l, points)
	largest, neighbours := int64(0), 0
	for r := int32(0); r < np; r++ {
		foreign, met := map[int32]bool{}, map[int32]bool{}
		for j, owner := range subRank {
			for _, i := range in[j] {
				if owner == r && pointRank[i] != r {
					foreign[i], met[pointRank[i]] = true, true
				}
			}
		}
		largest, neighbours = max(largest, int64(len(foreign))), max(neighbours, len(met))
	}
	load := l.Load(Planes(points), p, subRank)
	if load.Halo != largest || load.Neighbours != neighbours || largest == 0 || load.Mean != l.Count(points)/np {
		t.Errorf("load %+v, want halo %d and %d neighbours", load, largest, neighbours)
	}
}

// TestReplicated: the global level is always held by all, the finest never, and the answer follows the costs.
func TestReplicated(t *testing.T) {
	dec := published(t)
	points := grid(dec.Axes, 320, 320)
	for _, c := range []struct {
		np   int
		m    Machine
		want [3]bool
	}{
		{1, Cluster(), [3]bool{true, false, false}},
		{64, Cluster(), [3]bool{true, true, false}},
		{8, Machine{Beta: 1}, [3]bool{true, true, false}},   // bytes alone: 64·65 numbers against thousands of points
		{2, Machine{Alpha: 1}, [3]bool{true, false, false}}, // messages alone: two either way, a tie keeps the owner
	} {
		got := Replicated(dec, dec.Partition(Planes(points), c.np), Planes(points), []int{65, 65, 65}, 5, c.m)
		for k := range got {
			if got[k] != c.want[k] {
				t.Errorf("np=%d %+v level %d: replicated %v", c.np, c.m, k+1, got[k])
			}
		}
	}
}

// BenchmarkPartition divides a million points among 64 ranks.
func BenchmarkPartition(b *testing.B) {
	dec := published(b)
	points := Planes(scatter(dec.Axes, 1000000, 1))
	for b.Loop() {
		dec.Partition(points, 64)
	}
}
