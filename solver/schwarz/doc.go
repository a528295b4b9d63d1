// Package schwarz solves block-sparse linear least squares over many ranks,
//
//	min ‖J d - b‖,
//
// where every row (a point) belongs to a rank, and the columns are grouped in dense blocks (a subdomain's parameters), each
// owned by a rank and non-zero in few rows. It knows matrices only.
//
// Symbols:
//
//	j, n_j, r_j   column block, its columns before and after the filter
//	J_j, B_j      block as it is given, with its columns filtered: orthonormal; B_j = J_j T_j, and d_j = T_j y_j
//	s, t          ranks; B_j^(t) is the part of B_j in the rows of t; t "touches" j if that part has rows
//	y, r          unknowns; residual b - B y, kept in rows
//	ν, w          damping: the problem solved is min ‖B y - b‖² + ν Σ w y², w = 1/σ² for the singular value σ of each unknown, so that
//	              Σ w y² is ‖d‖² in units of columns of unit length (Marquardt 1963); or Σ w y² is ‖d‖² of some columns, as they are
//	              (System.Damped, turn.go)
//	N, g          normal matrix BᵀB + ν diag(w); gradient Bᵀr - νwy, up to sign and a factor of two
//	patch         the own blocks of a rank and some layers of blocks that share rows with them; N_s is N on patch s
//	Z, W          coarse vectors; W = B Z in rows
//
// The road: filter (filter.go), normal matrix of patches (normal.go, patch.go) and their Cholesky factors (package direct), coarse space
// (coarse.go), conjugate gradients on the rectangular form (iterate.go). On one rank the patch is everything: the
// factor is that of N, there is no coarse space, and the iterations, one to six of them, restore what squaring the condition
// number lost. Where blocks do not fit, nothing of this but the filter is left, and the iterations are many (free.go); need.go tells
// beforehand.
package schwarz
