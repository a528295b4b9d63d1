package schwarz

import (
	"slices"

	"fbpinn-mpi/solver/direct"
)

// Shape is a System before any number exists: what blocks and factor of a rank would need is known from it, up to what the filter
// drops.
type Shape struct {
	Owner   []int32     // as in System, like Columns and Centre
	Columns []int       //
	Centre  [][]float64 //
	Near    [][]int32   // [blocks] blocks that share rows with it on any rank, without itself, ascending
	Rows    []int       // [blocks] its rows on the rank that asks
}

// Need is what a rank would need at most, if the filter dropped nothing but columns beyond the rows.
type Need struct {
	BlockBytes  int64 // B and T of touched blocks
	MatrixBytes int64 // N of the patch
	FreeBytes   int64 // T of owned blocks, the most that Free keeps
	Largest     int64 // bytes of the largest block
	Factor      *direct.Plan
}

// Needs of a rank. The patch is the whole matrix on one rank. Where Settings leave the layers to the program, the most is assumed.
func (set Settings) Needs(x *Shape, rank, ranks int) Need {
	var n Need
	for j, rows := range x.Rows {
		k := int64(x.Columns[j])
		if own := int(x.Owner[j]) == rank; rows > 0 || own {
			n.BlockBytes += 8 * (int64(rows)*k + k*k)
			n.Largest = max(n.Largest, 8*int64(rows)*k)
			if own {
				n.FreeBytes += 8 * k * k
			}
		}
	}
	layers := set.Layers
	if layers == 0 {
		layers = moreLayers
	}
	p := pattern{near: x.Near}
	blocks := make([]int32, len(x.Owner))
	for j := range blocks {
		blocks[j] = int32(j)
	}
	if ranks > 1 {
		blocks = p.patch(x.Owner, p.hubs(), rank, layers)
	}
	place := make([]int32, len(x.Owner))
	for k, j := range blocks {
		place[j] = int32(k) + 1
	}
	var of direct.Pattern
	centre := make([][]float64, len(x.Centre))
	for k, j := range blocks {
		of.Size = append(of.Size, x.Columns[j])
		of.Start = append(of.Start, len(of.Row))
		of.Row = append(of.Row, int32(k))
		n.MatrixBytes += 8 * int64(x.Columns[j]) * int64(x.Columns[j])
		from, _ := slices.BinarySearch(x.Near[j], j)
		for _, i := range x.Near[j][from:] {
			if place[i] > 0 {
				of.Row = append(of.Row, place[i]-1)
				n.MatrixBytes += 8 * int64(x.Columns[j]) * int64(x.Columns[i])
			}
		}
		for a := range centre {
			centre[a] = append(centre[a], x.Centre[a][j])
		}
	}
	of.Start = append(of.Start, len(of.Row))
	n.Factor = direct.Analyse(&of, centre)
	return n
}
