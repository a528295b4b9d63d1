// Package kernels is the seam between the method and the machine: what a tile is, which derivatives travel with it, and the
// four operations that a backend offers on it: U, J v, Jᵀ w and, the adjoint row by row, the blocks J_j.
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

// Plan is everything that stays the same from step to step for the networks of levels with one shape on one rank. Theta, Grad, U
// and UBar lie in memory of the backend; the rest lies in host memory outside the Go heap (see Make) and stays there.
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

// Kernel runs the operations of one Plan on lists of its tiles.
//
//	v_k    = N_θ(x̂)_k                       network jets, section 6 of docs/theory.md
//	U_k   += W ⊗ (s_k v_k + m_k)            product of jets, scattered to the points by the runs
type Kernel[T Real] interface {
	// Select makes a list of tiles, to be visited in order, ready to run. It copies the list.
	Select(tiles []int32) (Work[T], error)
	// Block writes the adjoint of one tile point by point, not summed: the block J_j of the tile's subdomain for the rows that ubar
	// weighs. For the parameters p of the columns, i < N and pad = Pad(N),
	//
	//	out[p*ld + i] = Σ_{k,c} ubar[U_kc at point i] ∂U_kc(x_i)/∂θ_p,   and 0 for N <= i < pad
	//
	// so that Σ_i out is what Adjoint adds to Grad, and Σ_p out dir_p is Σ ubar U̇ of Tangent. Column-major, points fastest, ld >= pad;
	// rows from pad to ld stay as they are. ubar has the layout of Plan.U and, like out, lies in memory of the backend, at any
	// alignment. The plan needs neither Grad nor UBar. Several goroutines may call Block at once, but not while another operation of
	// the plan runs; a card takes it, as all else, from the thread that opened it. A backend with a queue may return before it has
	// computed.
	Block(tile int32, columns Columns, ubar, out []T, ld int)
	// Name says which implementation was chosen, e.g. "shallow w16 C5 avx512".
	Name() string
	// Close frees scratch memory.
	Close()
}

// Work is the operations on one list of tiles. All three only add: the caller clears. A backend with a queue may return before
// it has computed; one that computes at once calls progress (if not nil) every quarter of a millisecond or so.
type Work[T Real] interface {
	// Forward adds the windowed network jets of the tiles to U.
	Forward(progress func())
	// Adjoint adds (∂U/∂θ)ᵀ UBar of the tiles to Grad. Frozen parameters receive nothing.
	Adjoint(progress func())
	// Tangent adds (∂U/∂θ) dir to U; dir has the layout of Theta. Frozen parameters do not move.
	Tangent(dir []T)
	Close()
}

// Backend is a machine that computes in T. Everything it does for one rank happens in the order in which it was asked; calls
// that only start work say so. Trouble after the start (a device that fails) is reported by the next Read or Sync.
type Backend[T Real] interface {
	Memory[T]
	Open(p *Plan[T]) (Kernel[T], error)
	// OpenProgram prepares a point program for planes of at least n values in memory of the backend: Run computes out[o][i] for
	// i < n from in[r][i]. A nil output plane is skipped; in and out must not overlap.
	OpenProgram(p *Program, in, out [][]T, n int) (Task, error)
	// OpenSquares prepares the sums ½ Σ_i q_i r_i² of planes in memory of the backend.
	OpenSquares(q []T, r [][]T) (Squares, error)
	// OpenPort prepares messages made of the given stretches of arrays in memory of the backend. host demands that the message lies in
	// host memory, because the processor computes with it; messages that only travel may lie where MPI can fetch them.
	OpenPort(blocks []Block, host bool) (Port[T], error)
	// Adam does one update of θ in place with bias-corrected moments (method, section 8): see AdamStep. It only starts.
	Adam(a AdamStep, theta, grad, m, v []T)
	// Record prepares to repeat what f asks of this backend, cheaper than f itself where the machine can. It may call f, once,
	// without effect on memory. f must ask the same each time and wait for nothing.
	Record(f func() error) (Recording, error)
	// Sync waits until all is done, and says what went wrong.
	Sync() error
	Name() string
}

// Memory is where a backend keeps the arrays that its kernels touch. A slice of it may be cut and passed on, but on a card its
// elements mean nothing to the processor: only these methods, and what the backend opens, may touch them.
type Memory[T Real] interface {
	// Make returns n zeros. Running out of memory is an error that names sizes.
	Make(n int) ([]T, error)
	Free(v []T)
	// Clear starts to fill with zeros.
	Clear(v []T)
	// Read copies to host memory, Write from it; both are complete when they return.
	Read(to, from []T) error
	Write(to, from []T) error
}

// Recording does again what was recorded. Play may only start it; Close gives back what the machine keeps for it.
type Recording interface {
	Play() error
	Close()
}

// Direct is a recording that calls its function.
type Direct func() error

func (f Direct) Play() error { return f() }
func (f Direct) Close()      {}

// Task is something to do again and again. Run may only start it.
type Task interface {
	Run()
	Close()
}

// Squares sums residual planes in float64, in an order that depends on nothing but their length.
type Squares interface {
	Task
	// Sums waits for the last Run and returns its sums, one a plane.
	Sums() ([]float64, error)
	// NotFinite tells of the first Run, counted from 1, with a sum that is not finite: the plane, and the first point with such a
	// residual (0 if only the sum overflowed). Run 0: there was none.
	NotFinite() (run, plane, point int, err error)
}

// Block is a stretch of an array: elements At to At+N-1.
type Block struct{ At, N int64 }

// Port carries blocks of one array, end to end, to and from a message that MPI can send and receive.
type Port[T Real] interface {
	// Pack starts to gather the blocks of v.
	Pack(v []T)
	// Packed tells, without waiting, whether the message is ready to be sent.
	Packed() bool
	// Message waits for Pack and returns what to send. It stays valid until the next Pack, and may lie in v itself, which must
	// then not change while it is sent.
	Message() ([]T, error)
	// Return starts to copy the message, which may have been changed in place, back to where it was packed from.
	Return(v []T)
	// Buffer is where to receive a message for Unpack. It waits until the last Unpack has read it.
	Buffer() []T
	// Unpack starts to copy (add: to add) the buffer to the blocks of v.
	Unpack(v []T, add bool)
	Close()
}

// AdamStep holds the numbers of one Adam update, θ -= Rate·m̂/(√v̂+Eps), m̂ = m/(1-β1^Step), v̂ = v/(1-β2^Step).
// Step counts from 1.
type AdamStep struct {
	Rate, Beta1, Beta2, Eps float64
	Step                    int
}
