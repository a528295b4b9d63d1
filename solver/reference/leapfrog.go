package reference

import (
	"errors"
	"math"
	"slices"

	"fbpinn-mpi/kernels"
)

// leapfrog solves u_tt = Σ_a c_a u_aa from rest, u = 0 on the walls, by central differences of second order in t and all
// other coordinates. Coordinate t is the last one, the ansatz gives u at its lower end. Option cfl is the step in t as a part
// of the largest stable one; the grid in t only says where the solution is kept.
func leapfrog(c *call) (*Result, error) {
	axes, err := c.axes()
	if err != nil {
		return nil, err
	}
	d := len(axes)
	cfl := c.option("cfl", 0.9)
	if !(cfl > 0 && cfl <= 1) {
		return nil, errors.New("needs 0 < cfl <= 1")
	}
	r := &Result{Method: "leapfrog: central differences of second order", Axes: axes}
	coefficient, source, err := c.linear(r.Points())
	if err != nil {
		return nil, err
	}
	t := axes[d-1]
	speed := make([]float64, d-1) // c_a/h_a²
	stiff := 0.0
	utt := kernels.MultiIndex{}
	utt[d-1] = 2
	for m, v := range coefficient {
		if m == utt {
			continue
		}
		a := 0
		for a < d-1 && m[a] != 2 {
			a++
		}
		if a == d-1 || m.Order() != 2 {
			return nil, errors.New("takes u_tt = c_1 u_xx + c_2 u_yy + ... only, t being the last coordinate")
		}
		h := axes[a][1] - axes[a][0]
		speed[a] = -v / coefficient[utt] / (h * h)
		stiff += speed[a]
	}
	for _, f := range source {
		if math.Abs(f) > fixedTo {
			return nil, errors.New("takes equations without a source only")
		}
	}
	if coefficient[utt] == 0 || d < 2 || !(stiff > 0) {
		return nil, errors.New("takes u_tt = c_1 u_xx + c_2 u_yy + ... only, t being the last coordinate")
	}
	for a := range d - 1 {
		if err := c.zeroOnFaces(a); err != nil {
			return nil, err
		}
	}
	plane := &Result{Axes: append(append([][]float64{}, axes[:d-1]...), t[:1])}
	now, err := c.start(plane.Points())
	if err != nil {
		return nil, err
	}
	if err := c.atRest(plane.Points()); err != nil {
		return nil, err
	}
	n := len(now)
	strides, inner := make([]int, d-1), []int{0}
	for a, s := d-2, 1; a >= 0; a-- {
		strides[a] = s
		s *= len(axes[a])
		var more []int
		for _, i := range inner {
			for k := 1; k < len(axes[a])-1; k++ {
				more = append(more, i+k*strides[a])
			}
		}
		inner = more
	}
	whole := make([]float64, n*len(t))
	store := func(k int, u []float64) {
		for i, v := range u {
			whole[i*len(t)+k] = v
		}
	}
	store(0, now)
	before, next := make([]float64, n), make([]float64, n)
	per := int(math.Ceil((t[1] - t[0]) * math.Sqrt(stiff) / cfl)) // stable while dt² Σ c_a/h_a² <= 1
	square := math.Pow((t[1]-t[0])/float64(per), 2)
	for step := 1; step <= per*(len(t)-1); step++ {
		for _, i := range inner {
			laplace := 0.0
			for a, s := range strides {
				laplace += speed[a] * (now[i+s] - 2*now[i] + now[i-s])
			}
			if step == 1 { // from rest: u(dt) = u(-dt)
				next[i] = now[i] + square/2*laplace
			} else {
				next[i] = 2*now[i] - before[i] + square*laplace
			}
		}
		before, now, next = now, next, before
		if step%per == 0 {
			store(step/per, now)
		}
	}
	r.U = [][]float64{whole}
	return r, nil
}

// atRest checks that the ansatz makes u_t zero at points where t begins, whatever the network says.
func (c *call) atRest(points [][]float64) error {
	slope, err := c.p.Graph.Diff(c.p.Ansatz[0], len(c.p.Axes)-1)
	if err != nil {
		return err
	}
	ones := slices.Repeat([]float64{1}, len(points[0]))
	jets := map[kernels.MultiIndex][]float64{}
	for _, j := range c.p.Graph.Jets(slope) {
		jets[j.Index] = ones
	}
	v, err := c.jets(slope, points, jets)
	if err != nil {
		return err
	}
	for _, s := range v {
		if math.Abs(s) > fixedTo {
			return errors.New("needs an ansatz that starts from rest")
		}
	}
	return nil
}
