// Package solver trains finite-basis physics-informed neural networks over MPI. It reads top to bottom: run.go (the loop),
// step.go (one step), residual.go (the point stage), evaluate.go (errors).
//
// # Glossary
//
//	Ω, d        box domain and its number of coordinates; time is an axis like any other
//	l = 1..L    levels, coarse to fine            j   subdomain of a level, row-major
//	i           point                             k   unknown, n_u of them
//	c           jet component, n_c of them: u, u_x, u_y, u_xx, ... in the order of kernels.Jets
//	μ_j, σ_j    centre and half width             ω_j normalised window, Σ_j ω_j = 1 on each level
//	θ_j         parameters of subdomain j [P]     N_θj its network
//	U           raw jets [n_u][n_c][points], points fastest: U = (1/L) Σ_l Σ_j ω_j (s N_θj(x̂) + m)     Dolean et al. 2024, eq. (12)
//	C[U]        constraining operator (ansatz), applied once to the sum
//	r           residuals of a term of the loss; loss = Σ_terms λ · mean_i r_i²
//	Ū           ∂loss/∂U, "UBar"
//
// Everything trains on one map θ → r. Three products are enough: r(θ), J v (model.Cloud.Tangent, then the tangent program of
// the point stage), Jᵀ w (the adjoint program, then model.Cloud.Adjoint).
//
// Rank r owns a box of Ω (decomp.Partition), the points in it and the subdomains whose centres lie in it; see package model
// for what travels between ranks.
package solver
