package solver

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/cpu"
	"fbpinn-mpi/kernels/host"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/optim"
	"fbpinn-mpi/solver/problem"
	"fbpinn-mpi/solver/region"
)

// small is a job in miniature.
type small struct {
	spec   problem.Spec
	levels []decomp.LevelSpec
	net    kernels.Net
	shape  []int // of the test grid
	active *decomp.ScheduleSpec
}

// laplace has three levels, a linear equation, and a condition beside the ansatz.
func laplace() small {
	return small{
		spec: problem.Spec{
			Axes:      []problem.Axis{{Name: "x", Lo: 0, Hi: 1}, {Name: "y", Lo: 0, Hi: 1}},
			Unknowns:  []string{"u"},
			Equations: []string{"u_xx + u_yy + 32*(x*(1-x) + y*(1-y)) = 0"},
			Weights:   []float64{1},
			Interior:  problem.PointSpec{Sampler: "grid", Shape: []int{14, 15}},
			Ansatz:    []problem.Named{{Name: "u", Text: "tanh(x/0.2)*tanh((1-x)/0.2)*u"}},
			Exact:     []problem.Named{{Name: "u", Text: "16*x*(1-x)*y*(1-y)"}},
			Conditions: []problem.ConditionSpec{
				{Name: "low", On: "y = 0", Residual: []string{"u"}, Weight: 100, Points: problem.PointSpec{Sampler: "grid", Shape: []int{11}}},
				{Name: "high", On: "y = 1", Residual: []string{"u"}, Weight: 100, Points: problem.PointSpec{Sampler: "uniform", Count: 13}},
			},
		},
		levels: []decomp.LevelSpec{
			{Counts: []int{1, 1}, Overlap: []float64{1.9, 1.9}},
			{Counts: []int{3, 2}, Overlap: []float64{1.9, 1.9}},
			{Counts: []int{6, 5}, Overlap: []float64{1.9, 2.9}}},
		net:   kernels.Net{D: 2, Hidden: []int{5}, Out: 1},
		shape: []int{9, 8},
	}
}

// system has two unknowns, a non-linear equation, two weights and a periodic axis.
func system() small {
	return small{
		spec: problem.Spec{
			Axes:      []problem.Axis{{Name: "x", Lo: -1, Hi: 1, Periodic: true}, {Name: "t", Lo: 0, Hi: 1}},
			Unknowns:  []string{"u", "v"},
			Equations: []string{"u_t + u*u_x - 0.1*v_x = 0", "v = u_x"},
			Weights:   []float64{1, 3},
			Interior:  problem.PointSpec{Sampler: "sobol", Count: 150},
			Ansatz:    []problem.Named{{Name: "u", Text: "t*u - sin(pi*x)"}},
		},
		levels: []decomp.LevelSpec{
			{Counts: []int{1, 1}, Overlap: []float64{1.9, 1.9}},
			{Counts: []int{5, 4}, Overlap: []float64{1.9, 2.9}}},
		net:   kernels.Net{D: 2, Hidden: []int{6, 4}, Out: 2, Act: kernels.Sin},
		shape: []int{9, 8},
	}
}

// marching is laplace with an active front.
func marching() small {
	s := laplace()
	s.active = &decomp.ScheduleSpec{Kind: "line", Point: []float64{0, 0}, Free: []string{"y"}, Steps: 20}
	return s
}

// cut is laplace without a corner, so that levels lose subdomains.
func cut() small {
	s := laplace()
	s.spec.Removed = []region.Box{{Lo: []float64{0.4, 0.5}, Hi: []float64{1, 1}}}
	return s
}

// build makes a run of a job on the reference kernels.
func (s small) build(t *testing.T, c mpi.Comm, set Settings, o Observer[float64]) *Run[float64] {
	t.Helper()
	b := host.New()
	return buildOn(t, c, s, set, kernels.Backend[float64](b), b, o)
}

// buildFast makes one on the fast kernels.
func buildFast[T kernels.Real](t *testing.T, c mpi.Comm, s small, set Settings) *Run[T] {
	t.Helper()
	return buildOn[T](t, c, s, set, cpu.New[T](), cpu.New[float64](), nil)
}

func buildOn[T kernels.Real](t *testing.T, c mpi.Comm, s small, set Settings, b kernels.Backend[T], double kernels.Backend[float64],
	o Observer[T]) *Run[T] {
	t.Helper()
	p, err := problem.Build(s.spec)
	if err != nil {
		t.Fatal(err)
	}
	var axes []decomp.Axis
	for _, a := range s.spec.Axes {
		axes = append(axes, decomp.Axis(a))
	}
	dec, err := decomp.New(axes, s.levels, s.spec.Removed...)
	if err != nil {
		t.Fatal(err)
	}
	m := &model.Model{Dec: dec}
	for range s.spec.Unknowns {
		m.Scale, m.Shift = append(m.Scale, 0.75), append(m.Shift, 0.1)
	}
	for _, level := range dec.Levels {
		net := s.net
		for a := 0; a < net.D; a++ {
			net.Periodic[a] = level.Embedded(a)
		}
		m.Nets = append(m.Nets, net)
	}
	for i := range set.Stages {
		set.Stages[i].Rate = optim.Schedule{Rate: 1e-3}
	}
	set.Adam, set.Features.Scale = optim.Paper(), 1
	if s.active != nil {
		if set.Active, err = dec.NewSchedule(*s.active); err != nil {
			t.Fatal(err)
		}
	}
	test, _ := p.Remaining(p.TestGrid(s.shape))
	exact, err := p.Exact(test)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(c, b, double, p, m, set, test, exact, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// record keeps what a run reports.
type record struct {
	reports []Report
	states  []*State[float64]
	stop    int
}

func (o *record) Report(r Report)                    { o.reports = append(o.reports, r) }
func (o *record) Checkpoint(s *State[float64]) error { o.states = append(o.states, s); return nil }
func (o *record) Stop() bool                         { return o.stop > 0 && len(o.reports) >= o.stop }

// gradientTolerance bounds the difference between the gradient and a central difference of the loss with step 1e-5, relative to
// the largest entry: truncation 1e-10 times third derivatives of order 100, rounding 1e-16/1e-5 times the loss of order 1000.
const gradientTolerance = 2e-7

// TestGradient compares ∂loss/∂θ with differences, on one rank.
func TestGradient(t *testing.T) {
	world.Run(t, 1, func(c mpi.Comm) {
		for name, s := range map[string]small{"laplace": laplace(), "system": system(), "cut": cut()} {
			r := s.build(t, c, Settings{Stages: []Stage{{Steps: 1}}}, &record{})
			loss := func() float64 {
				if err := r.step.gradient(); err != nil {
					t.Fatal(err)
				}
				sums, err := r.step.stage.losses()
				if err != nil {
					t.Fatal(err)
				}
				sum := 0.0
				for _, v := range sums {
					sum += v
				}
				return sum
			}
			loss()
			g := append([]float64(nil), r.Cloud.Grad...)
			largest := 0.0
			for _, v := range g {
				largest = math.Max(largest, math.Abs(v))
			}
			const h = 1e-5
			for i := 0; i < len(g); i += 7 {
				at := r.Cloud.Theta[i]
				r.Cloud.Theta[i] = at + h
				up := loss()
				r.Cloud.Theta[i] = at - h
				down := loss()
				r.Cloud.Theta[i] = at
				if d := (up - down) / (2 * h); math.Abs(d-g[i]) > gradientTolerance*largest {
					t.Errorf("%s: parameter %d: gradient %g, difference %g", name, i, g[i], d)
				}
			}
		}
	})
}

// historyTolerance: sums over ranks are taken in another order, which changes the last bits; a hundred steps of Adam amplify
// that by far less than 1e5.
const historyTolerance = 1e-11

func TestHistory_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { history(t, c) }) }
func TestHistory_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { history(t, c) }) }
func TestHistory_n3(t *testing.T) { world.Run(t, 3, func(c mpi.Comm) { history(t, c) }) }
func TestHistory_n4(t *testing.T) { world.Run(t, 4, func(c mpi.Comm) { history(t, c) }) }
func TestHistory_n8(t *testing.T) { world.Run(t, 8, func(c mpi.Comm) { history(t, c) }) }

// history trains 100 steps on all ranks, in both modes of exchange and with different replication, and on one rank alone, and
// compares losses, errors, and the gathered state.
func history(t *testing.T, c mpi.Comm) {
	alone, err := c.Alone()
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []small{laplace(), system(), marching(), cellular(), cut()} { // the same order on all ranks
		name := []string{"laplace", "system", "marching", "cellular", "cut"}[i]
		set := Settings{Stages: []Stage{{Steps: 100}}, Report: 1, Test: 50, Checkpoint: 100, Choice: model.Choice{Replicate: -1}}
		want := &record{}
		r := s.build(t, alone, set, want)
		if status, err := r.Train(); err != nil || status != StepLimit {
			t.Fatal(status, err)
		}
		if len(want.reports) != 100 || len(want.states) != 1 {
			t.Fatalf("%s: %d reports, %d states", name, len(want.reports), len(want.states))
		}
		if last := want.reports[99].Loss; !(last < 0.9*want.reports[0].Loss) {
			t.Errorf("%s: the loss does not fall: %g to %g", name, want.reports[0].Loss, last)
		}
		for _, choice := range []model.Choice{{Mode: "jets", Replicate: 1}, {Mode: "parameters", Replicate: 1},
			{Mode: "jets", Replicate: 6}, {Mode: "parameters", Replicate: 6}, {Mode: "auto", Replicate: -1}} {
			label := fmt.Sprintf("%s, %s, replicate %d", name, choice.Mode, choice.Replicate)
			set.Choice = choice
			got := &record{}
			var o Observer[float64]
			if c.Rank() == 0 {
				o = got
			}
			r := s.build(t, c, set, o)
			if status, err := r.Train(); err != nil || status != StepLimit {
				t.Fatal(label, status, err)
			}
			if c.Rank() == 0 {
				compare(t, label, want, got)
			}
		}
	}
}

// compare holds two records against each other.
func compare(t *testing.T, label string, want, got *record) {
	t.Helper()
	near := func(what string, a, b float64) {
		if math.Abs(a-b) > historyTolerance*math.Abs(a) || math.IsNaN(b) {
			t.Errorf("%s: %s: %.17g on one rank, %.17g", label, what, a, b)
		}
	}
	if len(got.reports) != len(want.reports) || len(got.states) != len(want.states) {
		t.Fatalf("%s: %d reports, %d states", label, len(got.reports), len(got.states))
	}
	for i, w := range want.reports {
		g := got.reports[i]
		near(fmt.Sprintf("loss of step %d", w.Step), w.Loss, g.Loss)
		if len(g.Errors) != len(w.Errors) || g.Step != w.Step {
			t.Fatalf("%s: report %d: %+v, %+v", label, i, w, g)
		}
		for k := range w.Errors {
			near("error", w.Errors[k].NL1, g.Errors[k].NL1)
		}
		if t.Failed() {
			return
		}
	}
	for l, level := range want.states[0].Levels {
		for i, v := range level.Theta {
			// Adam moves parameters whose gradient is all rounding by ±rate: absolute.
			if d := math.Abs(v - got.states[0].Levels[l].Theta[i]); d > 1e-9 {
				t.Fatalf("%s: level %d, parameter %d differs by %g", label, l, i, d)
			}
		}
	}
}

// TestRestart_n1 and its siblings: 100 steps equal 40, a restart from the state, and 60 more, byte by byte.
func TestRestart_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { restart(t, c) }) }
func TestRestart_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { restart(t, c) }) }
func TestRestart_n4(t *testing.T) { world.Run(t, 4, func(c mpi.Comm) { restart(t, c) }) }

func restart(t *testing.T, c mpi.Comm) {
	for i, s := range []small{laplace(), system(), marching(), laplace()} {
		method := []string{"adam", "adam", "adam", "lbfgs"}[i]
		train := func(steps, checkpoint int, from *State[float64], resume bool) *record {
			o := &record{}
			var observer Observer[float64]
			if c.Rank() == 0 {
				observer = o
			}
			r := s.build(t, c, Settings{Stages: []Stage{{Method: method, Steps: steps}}, Report: 10, Checkpoint: checkpoint, Choice: model.Choice{Replicate: -1}}, observer)
			if resume {
				if err := r.Restore(from); err != nil {
					t.Fatal(err)
				}
			}
			if status, err := r.Train(); err != nil || status != StepLimit {
				t.Fatal(status, err)
			}
			return o
		}
		whole := train(100, 40, nil, false)
		var from *State[float64]
		if c.Rank() == 0 {
			from = whole.states[0]
			if from.Step != 40 {
				t.Fatalf("first state is of step %d", from.Step)
			}
		}
		rest := train(100, 0, from, true)
		if c.Rank() != 0 {
			continue
		}
		a, b := whole.states[len(whole.states)-1], rest.states[len(rest.states)-1]
		if a.Step != 100 || b.Step != 100 {
			t.Fatalf("last states of steps %d and %d", a.Step, b.Step)
		}
		for l := range a.Levels {
			for k, x := range [][2][]float64{{a.Levels[l].Theta, b.Levels[l].Theta}, {a.Levels[l].M, b.Levels[l].M}, {a.Levels[l].V, b.Levels[l].V}} {
				for i := range x[0] {
					if math.Float64bits(x[0][i]) != math.Float64bits(x[1][i]) {
						t.Fatalf("level %d, array %d, number %d: %g and %g", l, k, i, x[0][i], x[1][i])
					}
				}
			}
		}
		if got, want := rest.reports[0], whole.reports[4]; got.Step != want.Step || got.Loss != want.Loss {
			t.Errorf("first report after the restart: %+v, want %+v", got, want)
		}
	}
}

// TestStop_n1 and TestStop_n2: a request ends the run with a state; a residual that is not finite ends it with the place.
func TestStop_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { stop(t, c) }) }
func TestStop_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { stop(t, c) }) }

func stop(t *testing.T, c mpi.Comm) {
	o := &record{stop: 2}
	var observer Observer[float64]
	if c.Rank() == 0 {
		observer = o
	}
	r := laplace().build(t, c, Settings{Stages: []Stage{{Steps: 100}}, Report: 5, Choice: model.Choice{Replicate: -1}}, observer)
	status, err := r.Train()
	if err != nil || status != Stopped || r.Done() != 16 { // asked at step 15, known one step later
		t.Fatalf("%v after %d steps, %v", status, r.Done(), err)
	}
	if c.Rank() == 0 && (len(o.states) != 1 || o.states[0].Step != 16) {
		t.Errorf("states %+v", o.states)
	}

	s := laplace()
	s.spec.Equations = []string{"u_xx + u_yy + log(u + 0.7) = 0"} // the network starts near the shift 0.1; bad where u < -0.7
	r = s.build(t, c, Settings{Stages: []Stage{{Steps: 500}}, Report: 50, Choice: model.Choice{Replicate: -1}}, observer)
	for i := range r.Cloud.Theta {
		r.Cloud.Theta[i] *= 3
	}
	status, err = r.Train()
	var blame *Blame
	if status != NotFinite || !errors.As(err, &blame) {
		t.Fatalf("status %v, error %v", status, err)
	}
	if blame.Rank == c.Rank() && (blame.Term != "equations" || blame.Step < 1 || len(blame.Point) != 2) {
		t.Errorf("blame %+v", blame)
	}
}

// TestNoAllocation_n1 and _n2: a step allocates nothing once warm.
func TestNoAllocation_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { noAllocation(t, c) }) }
func TestNoAllocation_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { noAllocation(t, c) }) }

func noAllocation(t *testing.T, c mpi.Comm) {
	for _, mode := range []string{"jets", "parameters"} {
		r := buildFast[float32](t, c, laplace(), Settings{Stages: []Stage{{Steps: 1}}, Choice: model.Choice{Mode: mode, Replicate: 1}})
		if err := r.activate(0); err != nil {
			t.Fatal(err)
		}
		step := func() {
			if err := r.step.adam(r.adam); err != nil {
				t.Fatal(err)
			}
			r.watch()
		}
		step()
		if n := testing.AllocsPerRun(50, step); n != 0 {
			t.Errorf("%s: %g allocations a step", mode, n)
		}
	}
}

// TestLBFGS_n1 and _n3: the quasi-Newton method falls faster than Adam, the same on all numbers of ranks.
func TestLBFGS_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { lbfgs(t, c) }) }
func TestLBFGS_n3(t *testing.T) { world.Run(t, 3, func(c mpi.Comm) { lbfgs(t, c) }) }

// lbfgsTolerance: line searches amplify the rounding of the sums over ranks, so fewer steps and fewer digits than for Adam.
const lbfgsTolerance = 1e-8

func lbfgs(t *testing.T, c mpi.Comm) {
	alone, err := c.Alone()
	if err != nil {
		t.Fatal(err)
	}
	set := Settings{Stages: []Stage{{Method: "lbfgs", Steps: 20}}, Report: 1, Choice: model.Choice{Replicate: -1}}
	want, got := &record{}, &record{}
	r := laplace().build(t, alone, set, want)
	if status, err := r.Train(); err != nil || status != StepLimit {
		t.Fatal(status, err)
	}
	if first, last := want.reports[0].Loss, want.reports[19].Loss; !(last < first/5) {
		t.Errorf("loss from %g to %g", first, last)
	}
	var observer Observer[float64]
	if c.Rank() == 0 {
		observer = got
	}
	r = laplace().build(t, c, set, observer)
	if status, err := r.Train(); err != nil || status != StepLimit {
		t.Fatal(status, err)
	}
	for i := range got.reports {
		if a, b := want.reports[i].Loss, got.reports[i].Loss; math.Abs(a-b) > lbfgsTolerance*a {
			t.Fatalf("loss of step %d: %.15g alone, %.15g", i+1, a, b)
		}
	}
}

// TestTraffic_n2 and _n4: one message a neighbour each way, as many bytes as announced, and in the chosen mode at most a tenth
// more than the cheaper mode would need for every pair of neighbours by itself.
func TestTraffic_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { traffic(t, c) }) }
func TestTraffic_n4(t *testing.T) { world.Run(t, 4, func(c mpi.Comm) { traffic(t, c) }) }

func traffic(t *testing.T, c mpi.Comm) {
	for _, s := range []small{laplace(), system()} {
		for _, mode := range []string{"jets", "parameters", "auto"} {
			r := s.build(t, c, Settings{Stages: []Stage{{Steps: 1}}, Choice: model.Choice{Mode: mode, Replicate: 1}}, nil)
			v, announced := r.Cloud.Volume(), r.Cloud.Traffic
			if v.Bytes != announced.Bytes || v.Messages > 2*int64(announced.Neighbours) {
				t.Errorf("%s: %+v, announced %+v", mode, v, announced)
			}
			all, err := r.Traffic()
			if err != nil {
				t.Fatal(err)
			}
			var sent, least int64
			for _, a := range all {
				sent += a.Bytes
				least += a.MinimumBytes
			}
			if least == 0 || sent < least || (mode == "auto" && float64(sent) > 1.1*float64(least)) {
				t.Errorf("%s: %d bytes, minimum %d", mode, sent, least)
			}
			before := c.Counts()
			if err := r.step.gradient(); err != nil {
				t.Fatal(err)
			}
			if err := r.Cloud.FinishReplicated(); err != nil {
				t.Fatal(err)
			}
			if d := c.Counts().Minus(before); d.Messages != v.Messages || d.Bytes != v.Bytes || d.Collectives > 1 {
				t.Errorf("%s: a step did %+v, planned %+v", mode, d, v)
			}
		}
	}
}

// transposeTolerance: both sides are sums of a few thousand products, in float64.
const transposeTolerance = 1e-12

// TestTranspose_n1 and its siblings: <J v, w> = <v, Jᵀ w> for the map from parameters to jets, in both modes.
func TestTranspose_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { transpose(t, c) }) }
func TestTranspose_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { transpose(t, c) }) }
func TestTranspose_n3(t *testing.T) { world.Run(t, 3, func(c mpi.Comm) { transpose(t, c) }) }
func TestTranspose_n8(t *testing.T) { world.Run(t, 8, func(c mpi.Comm) { transpose(t, c) }) }

func transpose(t *testing.T, c mpi.Comm) {
	for _, mode := range []string{"jets", "parameters"} {
		r := system().build(t, c, Settings{Stages: []Stage{{Steps: 1}}, Seed: 3, Choice: model.Choice{Mode: mode, Replicate: 1}}, nil)
		cloud := r.Cloud
		if err := cloud.Forward(); err != nil {
			t.Fatal(err)
		}
		v := kernels.Make[float64](len(cloud.Theta))
		for l := range cloud.Levels { // a function of level, subdomain and parameter, like everything that ranks must agree on
			level := &cloud.Levels[l]
			for slot := 0; slot < level.Owned; slot++ {
				for i := 0; i < level.P; i++ {
					v[level.At+slot*level.P+i] = math.Sin(float64(1 + l + 7*level.Subs[slot] + 13*i))
				}
			}
		}
		if err := cloud.Tangent(v); err != nil {
			t.Fatal(err)
		}
		own := len(cloud.Points) * r.Problem.Jets.N() * 2
		sums := []float64{0, 0, 0}
		for i := 0; i < own; i++ {
			cloud.UBar[i] = math.Cos(float64(i))
			sums[0] += cloud.U[i] * cloud.UBar[i]
		}
		if err := cloud.Adjoint(); err != nil {
			t.Fatal(err)
		}
		for _, g := range cloud.Ranges() {
			if cloud.Levels[g.Level].Replicated && c.Rank() > 0 {
				continue
			}
			for i := g.At; i < g.At+g.N; i++ {
				sums[1] += v[i] * cloud.Grad[i]
				sums[2] += math.Abs(v[i] * cloud.Grad[i])
			}
		}
		if err := mpi.Allreduce(c, sums, mpi.Sum); err != nil {
			t.Fatal(err)
		}
		if math.Abs(sums[0]-sums[1]) > transposeTolerance*sums[2] || sums[2] == 0 {
			t.Errorf("%s: <Jv, w> = %.15g, <v, JTw> = %.15g", mode, sums[0], sums[1])
		}
	}
}
