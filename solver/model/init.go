// Package model turns a decomposition, networks and points into one rank's share of the map θ → U: parameters of the
// subdomains that it holds, tiles, jet planes, and the messages that complete them.
//
// Symbols: levels l, subdomains j, slots s (a rank's own numbering of the subdomains it holds), points i, unknowns k, jet
// components c; P_l parameters of one network of level l.
package model

import (
	"math"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/problem"
)

// Features says how the features of hidden layers are drawn: the mean and standard deviation of frozen Fourier features before
// the factor 2π, and the factor of the initial weights and biases of hidden layers (1 is the usual initialisation).
type Features struct{ Mean, Sigma, Scale float64 }

// Stream numbers the random numbers of one subdomain's network, so that they depend on (seed, level, subdomain) only and never
// on ranks.
func Stream(level, sub int) uint64 { return 1<<62 | uint64(level)<<40 | uint64(sub) }

// Init draws the initial parameters θ [P] of one subdomain (docs/theory.md, section 5): tanh networks U(±1/√fan_in) for weights
// and biases, sin networks U(±√(6/fan_in)), both times Scale in hidden layers; adaptive slopes 1, Fourier features
// 2π(μ_F + σ_F·normal).
func Init(net kernels.Net, f Features, seed uint64, level, sub int, theta []float64) {
	stream, next := Stream(level, sub), uint64(0)
	uniform := func() float64 {
		next++
		return problem.Draw(seed, stream, next-1)
	}
	for i := 0; i < net.Frozen(); i++ { // Box-Muller; 1-u avoids log 0
		normal := math.Sqrt(-2*math.Log(1-uniform())) * math.Cos(2*math.Pi*uniform())
		theta[i] = 2 * math.Pi * (f.Mean + f.Sigma*normal)
	}
	sine := net.Act == kernels.Sin || net.Act == kernels.AdaptiveSin
	layers := net.Layers()
	for n, l := range layers {
		bound := 1 / math.Sqrt(float64(l.In))
		if sine {
			bound = math.Sqrt(6 / float64(l.In))
		}
		if n < len(layers)-1 {
			bound *= f.Scale
		}
		for i := l.W; i < l.B+l.Out; i++ {
			theta[i] = bound * (2*uniform() - 1)
		}
		if n < len(layers)-1 {
			for i := l.Slope; i < l.Slope+net.Act.Slopes()*l.Out; i++ {
				theta[i] = 1
			}
		}
	}
}
