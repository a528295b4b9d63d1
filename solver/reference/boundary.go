package reference

import (
	"errors"
	"fmt"
	"math"

	"fbpinn-mpi/kernels"
)

// fixedTo is how far the ansatz may move with the network where it is said to fix the unknown: rounding of values of size 1.
const fixedTo = 1e-9

// start evaluates the ansatz where it fixes the unknown, whatever the network says.
func (c *call) start(points [][]float64) ([]float64, error) {
	if c.p.Ansatz[0] == nil {
		return nil, errors.New("needs an ansatz that fixes the unknown where the solution starts")
	}
	ones := make([]float64, len(points[0]))
	for i := range ones {
		ones[i] = 1
	}
	u, err := c.jets(c.p.Ansatz[0], points, nil)
	if err != nil {
		return nil, err
	}
	moved, err := c.jets(c.p.Ansatz[0], points, map[kernels.MultiIndex][]float64{value: ones})
	if err != nil {
		return nil, err
	}
	for i, v := range moved {
		if !(math.Abs(v-u[i]) <= fixedTo) {
			return nil, errors.New("needs an ansatz that fixes the unknown where the solution starts")
		}
	}
	return u, nil
}

// zeroOnFaces checks, where there is an ansatz, that it makes the unknown 0 at both ends of axis a.
func (c *call) zeroOnFaces(a int) error {
	if c.p.Ansatz[0] == nil {
		return nil
	}
	const along = 5 // points along every other axis
	shape := make([]int, len(c.p.Axes))
	for b := range shape {
		shape[b] = along
	}
	shape[a] = 2
	points := c.p.TestGrid(shape)
	u, err := c.start(points)
	for i := range u {
		if math.Abs(u[i]) > fixedTo {
			err = errors.New("not 0")
		}
	}
	if err != nil {
		return fmt.Errorf("needs an unknown that is 0 at both ends of %s", c.p.Axes[a].Name)
	}
	return nil
}
