package problem

import "math/bits"

// sobolBits is the resolution of the Sobol sequence: it may hold 2^32 points.
const sobolBits = 32

// joeKuo are the primitive polynomials and first direction numbers of dimensions 2 to 8 of Joe & Kuo 2008
// (new-joe-kuo-6.21201): degree s, inner coefficients a, m_1 .. m_s.
var joeKuo = [...]struct {
	s, a int
	m    [5]uint32
}{
	{1, 0, [5]uint32{1}},
	{2, 1, [5]uint32{1, 3}},
	{3, 1, [5]uint32{1, 3, 1}},
	{3, 2, [5]uint32{1, 1, 1}},
	{4, 1, [5]uint32{1, 1, 3, 3}},
	{4, 4, [5]uint32{1, 3, 5, 13}},
	{5, 2, [5]uint32{1, 1, 5, 5, 17}},
}

// sobolDims is the largest dimension.
const sobolDims = len(joeKuo) + 1

// sobol holds the direction numbers v[axis][bit] of one sequence.
type sobol [][sobolBits]uint32

// newSobol prepares a sequence in d dimensions.
func newSobol(d int) sobol {
	if d < 1 || d > sobolDims {
		panic("problem: Sobol dimension out of range")
	}
	v := make(sobol, d)
	for j := range v[0] { // van der Corput
		v[0][j] = 1 << (sobolBits - 1 - j)
	}
	for a := 1; a < d; a++ {
		p := joeKuo[a-1]
		for j := range v[a] {
			if j < p.s {
				v[a][j] = p.m[j] << (sobolBits - 1 - j)
				continue
			}
			// Recurrence of Bratley & Fox 1988, Eq. (3), in terms of v_j = m_j 2^(-j).
			w := v[a][j-p.s] ^ v[a][j-p.s]>>p.s
			for k := 1; k < p.s; k++ {
				if p.a>>(p.s-1-k)&1 == 1 {
					w ^= v[a][j-k]
				}
			}
			v[a][j] = w
		}
	}
	return v
}

// at is coordinate a of point i, in Gray-code order, the first point being the origin.
func (v sobol) at(a int, i uint32) float64 {
	var x uint32
	for g := i ^ i>>1; g != 0; g &= g - 1 {
		x ^= v[a][bits.TrailingZeros32(g)]
	}
	return float64(x) * 0x1p-32
}

// primes are the bases of the Halton sequence.
var primes = [...]uint64{2, 3, 5, 7}

// radicalInverse mirrors the digits of i at the point: element i of the van der Corput sequence (Halton 1960).
func radicalInverse(base, i uint64) float64 {
	x, scale := 0.0, 1.0
	for ; i > 0; i /= base {
		scale /= float64(base)
		x += scale * float64(i%base)
	}
	return x
}
