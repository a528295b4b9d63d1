// Package direct factors symmetric positive definite block matrices, A = L·Lᵀ, whose blocks are dense and whose graph is sparse: the
// normal matrix of a decomposition, one block column a subdomain.
//
// It is the multifrontal method (Duff & Reid, ACM TOMS 9 (1983) 302; Liu, SIAM Review 34 (1992) 82) on blocks. Nested
// dissection (George, SIAM J. Numer. Anal. 10 (1973) 345) orders the blocks; each node of the elimination tree is a dense
// front
//
//	F = ⎡F11  ·  ⎤   columns that the node eliminates (own)
//	    ⎣F21  F22⎦   rows below that they touch (boundary), blocks of ancestors
//
// assembled from blocks of A and the Schur complements of the children: F11 = L11·L11ᵀ, L21 = F21·L11⁻ᵀ, and F22 - L21·L21ᵀ goes to the
// parent. All arithmetic is in products of dense matrices.
//
// Symbols: n blocks j with m_j unknowns each, N unknowns in all. "Position" is the place of a block in the order of elimination.
// Sums are formed in an order that the plan fixes, so that the factor is the same bits whatever the number of workers.
package direct
