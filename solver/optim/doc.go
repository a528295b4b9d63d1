// Package optim moves owned parameters: learning-rate schedules, Adam, and L-BFGS on vectors that are spread over ranks.
//
// Symbols: θ parameters [n] of this rank; g gradient; m, v moments of Adam; s_k = θ_{k+1} − θ_k and y_k = g_{k+1} − g_k pairs of
// L-BFGS; t step length, φ(t) = f(θ + t d) along the direction d.
//
// Nothing here knows about messages. Adam is local to a rank. L-BFGS needs scalar products over all ranks and takes them
// through Reducer; parameters that several ranks hold count once.
package optim
