// Package expr is the equation language of job files: it parses strings such as "u_t + u*u_x - nu*u_xx = 0", differentiates
// them, and compiles them to point programs (kernels.Program).
//
// # Language
//
//	numbers        1, .5, 1.5e-3; constants pi, e
//	operators      + - * / and ^ or ** (right-associative; -x^2 is -(x^2), 2^-1 is allowed)
//	functions      sin cos tan asin acos atan sinh cosh tanh exp log sqrt abs sign step sigmoid min max
//	derivatives    u_xx, v_xy: the unknown, then coordinates; d(expr, x), d(expr, x, y) of any expression, total derivatives
//	sums           sum(i=1..6, 2^i*sin(2^i*x)), prod(i=1..n, ...): integer bounds that are constant
//	helpers        the job's own functions, expanded where they are called; exact solutions by name; data.NAME columns
//	fields         functions known by values and derivatives: start_u, start_u_xx, d(start_u, x)
//
// # From string to program
//
//	Parse          text → *Node of a Graph: hash-consed, so that equal expressions are one node; simplified as it is built
//	Constrain      puts u = C[U] in: every jet of u becomes the total derivative of the ansatz F(x, U)
//	CompileResidual separates what depends on the point alone (columns, computed once) from what depends on the jets, and
//	               derives value, gradient, tangent and adjoint programs of the residuals
//
// A jet is a derivative of a raw unknown, U_{k,m} with multi-index m: the plane that the network kernels fill.
package expr
