package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/solver"
)

// grown are the changes that give the job so many times its pairs, for weak scaling.
func (s *study) grown(ranks int) (set []string) {
	job := s.base.job
	size, factors := s.size(), spread(ranks, s.along, len(job.Domain))
	add := func(key string, v any) {
		text, err := json.Marshal(v) // lists of numbers look the same in TOML
		if err != nil {
			panic("scale: a list of numbers does not encode")
		}
		set = append(set, key+"="+string(text))
	}
	levels := make([][]int, len(job.Decomposition.Levels))
	for l, counts := range job.Decomposition.Levels {
		for a, n := range counts {
			if n > 1 { // one subdomain spans the domain
				n = max(2, int(math.Round(float64(n)*size))) * factors[a]
			}
			levels[l] = append(levels[l], n)
		}
	}
	add("decomposition.levels", levels)
	switch i := job.Points.Interior; {
	case i.Sampler == "cells": // so many in each cell of the finest level
	case len(i.Shape) > 0:
		var shape []int
		for a, n := range i.Shape {
			shape = append(shape, max(1, int(math.Round(float64(n)*size)))*factors[a])
		}
		add("points.interior.shape", shape)
	default:
		add("points.interior.count", max(1, int(math.Round(float64(i.Count)*math.Pow(size, float64(len(job.Domain))))))*ranks)
	}
	for a, c := range job.Domain {
		if s.grow && factors[a] > 1 {
			set = append(set, fmt.Sprintf("domain.%s={range=[%.17g,%.17g],periodic=%t}", c.Name, c.Lo, c.Lo+float64(factors[a])*(c.Hi-c.Lo), c.Periodic))
		}
	}
	return set
}

// growing are the axes of --axes, all of the job if none are given, or the reason why the job cannot grow.
func (s *study) growing() (axes []int, err error) {
	job, d := s.base.job, s.base.job.Decomposition
	if len(d.Levels) == 0 || len(d.Centres) > 0 || len(d.Subdomains) > 0 {
		return nil, complain(job, "decomposition", "weak scaling multiplies decomposition.levels, and this job places subdomains one by one",
			"give levels, or measure strong scaling")
	}
	for _, name := range s.axes {
		a := slices.IndexFunc(job.Domain, func(c jobfile.Axis) bool { return c.Name == name })
		if a < 0 {
			return nil, fmt.Errorf("--axes: the job has no coordinate %q", name)
		}
		if slices.Contains(axes, a) {
			return nil, fmt.Errorf("--axes: %s is there twice", name)
		}
		axes = append(axes, a)
	}
	if len(axes) == 0 {
		axes = count(len(job.Domain))
	}
	if s.grow && len(job.Geometry.Remove) > 0 {
		return nil, complain(job, "geometry.remove", "a domain with removed parts cannot grow", "leave out --grow: subdomains and points are multiplied in the domain as it is")
	}
	return axes, nil
}

// size is the factor along every axis that gives the job about --pairs pairs on one rank.
func (s *study) size() float64 {
	if s.pairs == 0 {
		return 1
	}
	points, _ := solver.Sample(s.base.problem, s.base.settings.Seed)
	have, _ := s.base.pairsPerStep(points)
	return math.Pow(float64(s.pairs)/float64(max(have, 1)), 1/float64(len(s.base.job.Domain)))
}

// spread gives the prime factors of n to the axes: the largest first, each to the axis with the smallest factor so far.
func spread(n int, axes []int, d int) []int {
	var primes []int
	for p := 2; n > 1; p++ {
		for ; n%p == 0; n /= p {
			primes = append(primes, p)
		}
	}
	factors := slices.Repeat([]int{1}, d)
	for _, p := range slices.Backward(primes) {
		least := axes[0]
		for _, a := range axes {
			if factors[a] < factors[least] {
				least = a
			}
		}
		factors[least] *= p
	}
	return factors
}
