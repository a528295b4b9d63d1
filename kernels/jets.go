package kernels

import (
	"fmt"
	"sort"
)

// MaxD is the largest number of coordinates, MaxOrder the highest derivative.
const (
	MaxD     = 4
	MaxOrder = 4
)

// MultiIndex counts derivatives by coordinate: {2,1} is u_xxy.
type MultiIndex [MaxD]uint8

// Order is the total number of derivatives.
func (m MultiIndex) Order() int {
	n := 0
	for _, k := range m {
		n += int(k)
	}
	return n
}

// Plus adds one derivative in coordinate a.
func (m MultiIndex) Plus(a int) MultiIndex { m[a]++; return m }

// Jets is an ordered, downward-closed set of derivatives: the components c that travel together through a network.
// Index[0] is the value; components ascend by order, then put earlier coordinates first: u, u_x, u_y, u_xx, u_xy, u_yy.
type Jets struct {
	D     int
	Index []MultiIndex
}

// NewJets returns the smallest downward-closed set over d coordinates that holds the needed derivatives and the value.
func NewJets(d int, needs ...MultiIndex) Jets {
	if d < 1 || d > MaxD {
		panic("kernels: number of coordinates outside 1..4")
	}
	set := map[MultiIndex]bool{{}: true}
	var add func(m MultiIndex)
	add = func(m MultiIndex) {
		if set[m] {
			return
		}
		set[m] = true
		for a := range m {
			if m[a] > 0 {
				lower := m
				lower[a]--
				add(lower)
			}
		}
	}
	for _, m := range needs {
		for a := d; a < MaxD; a++ {
			if m[a] > 0 {
				panic("kernels: derivative in a coordinate that does not exist")
			}
		}
		if m.Order() > MaxOrder {
			panic("kernels: derivative above fourth order")
		}
		add(m)
	}
	j := Jets{D: d}
	for m := range set {
		j.Index = append(j.Index, m)
	}
	sort.Slice(j.Index, func(p, q int) bool {
		a, b := j.Index[p], j.Index[q]
		if a.Order() != b.Order() {
			return a.Order() < b.Order()
		}
		for i := range a {
			if a[i] != b[i] {
				return a[i] > b[i]
			}
		}
		return false
	})
	return j
}

// N is the number of components n_c.
func (j Jets) N() int { return len(j.Index) }

// Order is the highest total order in the set.
func (j Jets) Order() int { return j.Index[len(j.Index)-1].Order() }

// Find returns the position of m, or -1.
func (j Jets) Find(m MultiIndex) int {
	for c, k := range j.Index {
		if k == m {
			return c
		}
	}
	return -1
}

// Name writes component c as a subscript, "u_xxy", given the names of unknown and coordinates.
func (j Jets) Name(unknown string, coords []string, c int) string {
	m := j.Index[c]
	if m.Order() == 0 {
		return unknown
	}
	s := unknown + "_"
	for a := 0; a < j.D; a++ {
		for k := 0; k < int(m[a]); k++ {
			s += coords[a]
		}
	}
	return s
}

func (j Jets) String() string {
	return fmt.Sprint(j.Index)
}
