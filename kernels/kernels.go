// Package kernels is the seam between the method and the machine: what a tile is, which derivatives travel with it, and the
// four operations that a backend offers on it (design: r, J v, Jᵀ w and, from the adjoint row by row, the blocks J_j).
//
// Backends: kernels/host (plain Go, float64, the reference), kernels/cpu (C++ SIMD). All pass the suite kernels/ktest.
//
// Symbols: d coordinates, n_c jet components c, n_u unknowns k, P parameters of one network, n points of a tile.
// "Pad(n)" is n rounded up to a multiple of PadTo; padded lanes hold zeros in X and W.
package kernels

// Real is a floating-point type that the kernels compute in.
type Real interface{ float32 | float64 }

// PadTo is the number of points to which rows of a tile are padded: one AVX-512 register of float32.
const PadTo = 16

// Pad rounds a number of points up to whole registers.
func Pad(n int) int { return (n + PadTo - 1) / PadTo * PadTo }

// Tile is one subdomain with (some of) its points. It holds offsets, not pointers, so that it can lie in memory that C and
// devices read. Layout is shared with kernels/cpu/fb.h.
type Tile struct {
	Sub     int32 // slot of the network: parameters at Theta[Sub*P]
	N       int32 // points
	Run     int32 // first entry in Runs
	Runs    int32 // number of entries
	Section int32 // where its points live in the jet planes
	_       int32
	X       int64 // offset in Plan.X of x̂ [D][Pad(N)], points fastest
	W       int64 // offset in Plan.W of the window jets [n_c][Pad(N)], points fastest
}

// Run maps N consecutive points of a tile onto consecutive points of its section. Runs of a tile are in ascending order and
// disjoint, and together cover the tile.
type Run struct {
	Tile  int32 // first point in the tile
	Point int32 // first point in the section
	N     int32
}

// Section is a set of points in the jet planes: component c of unknown k at point i is U[Base + (k*n_c+c)*Stride + i].
type Section struct{ Base, Stride int64 }

// Plan is everything that stays the same from step to step for the networks of one level on one rank. Slices must not live
// on the Go heap if the backend is not host: see Make.
type Plan[T Real] struct {
	Net      Net
	Jets     Jets
	Tiles    []Tile
	Runs     []Run
	Sections []Section
	X        []T // x̂ = (x-μ)/σ, see Tile.X
	W        []T // jets of ω_j/L, see Tile.W: the partition of unity with the level average folded in
	InvSigma []T // 1/σ_a, [slots][D]: ∂x̂_a/∂x_a
	Scale    []T // s_k, un-normalisation scale of unknown k
	Shift    []T // m_k, un-normalisation mean
	Theta    []T // parameters [slots][P]
	Grad     []T // gradient [slots][P]
	U        []T // jet planes, added to by Forward and Tangent
	UBar     []T // adjoint planes, same layout, read by Adjoint
}

// Kernel runs the operations of one Plan. tiles lists the tiles to visit, in order. All three only add: the caller clears.
//
//	v_k    = N_θ(x̂)_k                       network jets, section 6 of docs/theory.md
//	U_k   += W ⊗ (s_k v_k + m_k)            product of jets, scattered to the points by the runs
type Kernel[T Real] interface {
	// Forward adds the windowed network jets of the tiles to U.
	Forward(tiles []int32)
	// Adjoint adds (∂U/∂θ)ᵀ UBar of the tiles to Grad. Frozen parameters receive nothing.
	Adjoint(tiles []int32)
	// Tangent adds (∂U/∂θ) dir to U; dir has the layout of Theta. Frozen parameters do not move.
	Tangent(dir []T, tiles []int32)
	// Name says which implementation was chosen, e.g. "shallow w16 C5 avx512".
	Name() string
	// Close frees scratch memory.
	Close()
}

// Backend opens kernels and runs point programs.
type Backend[T Real] interface {
	Open(p *Plan[T]) (Kernel[T], error)
	// OpenProgram prepares a point program for execution.
	OpenProgram(p *Program) (PointKernel[T], error)
	// Adam does one update of θ in place with bias-corrected moments (method, section 8): see AdamStep.
	Adam(a AdamStep, theta, grad, m, v []T)
	Name() string
}

// AdamStep holds the numbers of one Adam update, θ -= Rate·m̂/(√v̂+Eps), m̂ = m/(1-β1^Step), v̂ = v/(1-β2^Step).
// Step counts from 1.
type AdamStep struct {
	Rate, Beta1, Beta2, Eps float64
	Step                    int
}

// PointKernel evaluates a Program at points.
type PointKernel[T Real] interface {
	// Run computes out[o][i] for i < n from in[r][i]; a nil output plane is skipped. Planes are given as base slices of at
	// least n values; in and out must not overlap.
	Run(in, out [][]T, n int)
	Close()
}
