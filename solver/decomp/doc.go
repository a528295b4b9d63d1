// Package decomp divides the domain: levels of overlapping subdomains, their windows (partition of unity), which points lie
// in which subdomain, which rank owns what, and which subdomains are active when. Everything is a pure function of its
// arguments, so all ranks compute the same answer without a message. No MPI, no cgo, float64.
//
// Symbols (docs/theory.md, sections 1-4 and 9):
//
//	d             coordinates (axes), 1..4; time is an axis like any other
//	l, L          level, number of levels; the solution is the mean over levels
//	j, J_l        subdomain, number of subdomains of level l, row-major ("ij") over the axes
//	δ, h          overlap = width over spacing; spacing of the centres
//	μ, σ          centre and half width that define x̂ = (x-μ)/σ
//	g, w, ω       window along one axis; w_j = Π_a g; ω_j = w_j/S_l with S_l = Σ_k w_k over the subdomains of the level
//	core cell     the box less half its overlap on every side: the Voronoi cell μ ± h/2 of a regular grid
//
// Points are given as planes, points[a][i] = coordinate a of point i.
package decomp
