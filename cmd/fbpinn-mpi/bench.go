package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"sort"
	"time"
	"unsafe"

	"github.com/spf13/cobra"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/cpu"
	"fbpinn-mpi/kernels/device"
)

// yardstick is a backend that also knows what its machine can do at best, measured when asked.
type yardstick[T kernels.Real] interface {
	kernels.Backend[T]
	PeakFMA() float64  // multiply-adds, FLOP/s
	CopyRate() float64 // bytes read and written a second
	// OnePassShare is the useful share of the peak of the one-pass kernel of 2-w-..-w-1 networks, 0 where there is none.
	OnePassShare(w, layers, points int) float64
	// PairBytes is what forward and adjoint move to and from memory for a pair, the parameters apart.
	PairBytes(d, jets int) int
}

// benchLine is one measurement of a kernel.
type benchLine struct {
	Kernel       string  `json:"kernel"`
	Device       string  `json:"device"`
	Precision    string  `json:"precision"`
	Peak         float64 `json:"peak_flops"`                 // multiply-add rate measured in the same run
	Copy         float64 `json:"copy_bytes_per_s"`           // copy bandwidth measured in the same run, read plus written
	NsPerPair    float64 `json:"ns_per_pair"`                // forward and adjoint; of Adam: a parameter
	ForwardNs    float64 `json:"forward_ns,omitempty"`       // of it, forward
	MillionPairs float64 `json:"million_pairs_per_s"`        //
	UsefulShare  float64 `json:"useful_share"`               // of the peak; recomputation does not count
	Bytes        float64 `json:"bytes_per_pair,omitempty"`   // moved, counted
	Compulsory   float64 `json:"compulsory_bytes,omitempty"` // coordinates in, jets out, adjoints in, parameters and gradient
	CopyShare    float64 `json:"copy_share,omitempty"`       // of the copy bandwidth
	Launches     int     `json:"launches,omitempty"`         // on a card
	Go           string  `json:"go"`
	Version      string  `json:"version"`
	Time         string  `json:"time"`
}

func benchCommand() *cobra.Command {
	var asJSON bool
	var backend string
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the kernels against what the machine can do at best, in one run",
		Long: `Measure the kernels against what the machine can do at best, in one run, on one core or one card.

one-pass   2-w-w-1 networks with u, u_x, u_t, u_xx and a residual local to the network: forward, residual and weight
           gradients in one go, nothing recomputed
two-pass   what a training step does: forward of all tiles; then gather, recompute, backward, weight gradients
Adam       one update; its figures are for a parameter

The peak is the rate of independent multiply-adds, the copy bandwidth counts bytes read and bytes written. A processor also
fetches the lines that a copy overwrites, so that updates in place (Adam) may exceed it. Useful FLOPs are
6 C G + 5 w d a pair, G = (L-1) w² + w n_u (2 C G + .. forward). Compulsory bytes are coordinates in, jets out and adjoints in
for each pair, and parameters and their gradient for each visit of a subdomain. Medians of fifteen.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := handOver(backend, func() bool { return false }); err != nil {
				return err
			}
			lines, err := measure(backend)
			for _, line := range lines {
				if err := line.print(c.OutOrStdout(), asJSON); err != nil {
					return err
				}
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON line a measurement")
	c.Flags().StringVar(&backend, "backend", "auto", "auto, cpu or cuda; auto takes a card where there is one")
	return c
}

func (l benchLine) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(l)
	}
	_, err := fmt.Fprintf(w, "%-46s %-8s peak %8.1f GFLOP/s  copy %7.1f GB/s  %8.3f ns/pair  %8.2f Mpairs/s", l.Kernel, l.Precision,
		l.Peak/1e9, l.Copy/1e9, l.NsPerPair, l.MillionPairs)
	if l.UsefulShare > 0 && err == nil {
		_, err = fmt.Fprintf(w, "  %5.1f %% of peak", 100*l.UsefulShare)
	}
	if l.CopyShare > 0 && err == nil {
		_, err = fmt.Fprintf(w, "  %5.1f %% of copy, %.2f x compulsory bytes", 100*l.CopyShare, l.Bytes/l.Compulsory)
	}
	if l.Launches > 0 && err == nil {
		_, err = fmt.Fprintf(w, "  %d launches", l.Launches)
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}

// counter counts launches.
type counter struct {
	device.Driver
	launches int
}

func (c *counter) Launch(f device.Function, blocks, threads int, shared int64, arguments unsafe.Pointer, bytes int) {
	c.launches++
	c.Driver.Launch(f, blocks, threads, shared, arguments, bytes)
}

// measure runs all measurements on a card if there is one and backend allows it, else on the processor.
func measure(backend string) ([]benchLine, error) {
	if backend != "cpu" {
		driver, err := benchDriver()
		if err != nil {
			return nil, err
		}
		if driver != nil {
			defer driver.Close()
			count := &counter{Driver: driver}
			single, double := device.New[float32](count), device.New[float64](count)
			defer single.Close()
			defer double.Close()
			const enough = 25_600 // subdomains that fill a card: 2.3 million pairs
			return measureOn(single, double, enough, 1<<20, count)
		}
	}
	return measureOn(cpu.New[float32](), cpu.New[float64](), 2048, 4096, &counter{})
}

func measureOn(single yardstick[float32], double yardstick[float64], subdomains, points int, count *counter) (lines []benchLine, err error) {
	for _, w := range []int{16, 32, 64} {
		share := single.OnePassShare(w, 2, points)
		if share == 0 {
			continue
		}
		l := blank(fmt.Sprintf("one-pass 2-%d-%d-1 C4 tanh", w, w), single)
		flops := float64(6*4*(w*w+w) + 5*w*2)
		l.UsefulShare, l.NsPerPair = share, flops/(share*l.Peak)*1e9
		lines = append(lines, l.finish())
	}
	laplace := kernels.NewJets(2, kernels.MultiIndex{2}, kernels.MultiIndex{0, 2})
	burgers := kernels.NewJets(2, kernels.MultiIndex{2}, kernels.MultiIndex{0, 1})
	for _, hidden := range [][]int{{16}, {32}, {16, 16}, {32, 32}, {64, 64}} {
		set, label := burgers, "C4"
		if len(hidden) == 1 {
			set, label = laplace, "C5"
		}
		name := fmt.Sprintf("two-pass 2%s-1 %s tanh", dashes(hidden), label)
		a, err := twoPass(name, hidden, set, single, subdomains, count)
		if err != nil {
			return lines, err
		}
		b, err := twoPass(name, hidden, set, double, subdomains, count)
		if err != nil {
			return lines, err
		}
		lines = append(lines, a, b)
	}
	a, err := adamLine(single, count)
	if err != nil {
		return lines, err
	}
	b, err := adamLine(double, count)
	return append(lines, a, b), err
}

func dashes(hidden []int) (s string) {
	for _, w := range hidden {
		s += fmt.Sprintf("-%d", w)
	}
	return s
}

// blank measures the machine for a new line.
func blank[T kernels.Real](name string, b yardstick[T]) benchLine {
	var x T
	precision := "float32"
	if _, double := any(x).(float64); double {
		precision = "float64"
	}
	return benchLine{Kernel: name, Device: b.Name(), Precision: precision, Peak: b.PeakFMA(), Copy: b.CopyRate()}
}

func (l benchLine) finish() benchLine {
	l.MillionPairs = 1e3 / l.NsPerPair
	if l.Bytes > 0 {
		l.CopyShare = l.Bytes / (l.NsPerPair * 1e-9) / l.Copy
	}
	l.Go, l.Version, l.Time = runtime.Version(), version(), time.Now().UTC().Format(time.RFC3339)
	return l
}

// patch is the plan of twoPass: subdomains of 9 x 10 points in rows of a grid, as in the multi-scale Laplace job.
func patch[T kernels.Real](b kernels.Backend[T], hidden []int, set kernels.Jets, subdomains int) (*kernels.Plan[T], error) {
	const across, rows, row = 32, 9, 10
	net := kernels.Net{D: 2, Hidden: hidden, Out: 1}
	pad, params, points := kernels.Pad(rows*row), net.Params(), subdomains*rows*row
	plan := &kernels.Plan[T]{Net: net, Jets: set, Tiles: kernels.Make[kernels.Tile](subdomains), Runs: kernels.Make[kernels.Run](subdomains * rows),
		Sections: kernels.From([]kernels.Section{{Base: 0, Stride: int64(points)}}), X: kernels.Make[T](subdomains * 2 * pad),
		W: kernels.Make[T](subdomains * set.N() * pad), InvSigma: kernels.Make[T](2 * subdomains), Scale: kernels.From([]T{1}),
		Shift: kernels.Make[T](1)}
	for i := range plan.X {
		plan.X[i] = T(math.Cos(float64(i)))
	}
	for _, v := range [][]T{plan.W, plan.InvSigma} {
		for i := range v {
			v[i] = 1
		}
	}
	for k := range plan.Tiles {
		plan.Tiles[k] = kernels.Tile{Sub: int32(k), N: rows * row, Run: int32(k * rows), Runs: rows, X: int64(k * 2 * pad), W: int64(k * set.N() * pad)}
		for r := range rows {
			// Subdomains side by side on a grid of points: their rows lie apart in the planes.
			line := (k/across)*rows + r
			plan.Runs[k*rows+r] = kernels.Run{Tile: int32(r * row), Point: int32((line*across + k%across) * row), N: row}
		}
	}
	for _, a := range []struct {
		to    *[]T
		n     int
		value func(i int) float64
	}{
		{&plan.Theta, subdomains * params, func(i int) float64 { return math.Sin(float64(i)) }},
		{&plan.Grad, subdomains * params, nil},
		{&plan.U, set.N() * points, nil},
		{&plan.UBar, set.N() * points, func(int) float64 { return 1 }},
	} {
		v, err := b.Make(a.n)
		if err != nil {
			return nil, err
		}
		*a.to = v
		if a.value == nil {
			continue
		}
		values := make([]T, a.n)
		for i := range values {
			values[i] = T(a.value(i))
		}
		if err := b.Write(v, values); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// release frees the plan of patch.
func release[T kernels.Real](b kernels.Backend[T], p *kernels.Plan[T]) {
	for _, v := range [][]T{p.Theta, p.Grad, p.U, p.UBar} {
		b.Free(v)
	}
	for _, v := range [][]T{p.X, p.W, p.InvSigma, p.Scale, p.Shift} {
		kernels.Free(v)
	}
	kernels.Free(p.Tiles)
	kernels.Free(p.Runs)
	kernels.Free(p.Sections)
}

// twoPass times forward and adjoint.
func twoPass[T kernels.Real](name string, hidden []int, set kernels.Jets, b yardstick[T], subdomains int, count *counter) (benchLine, error) {
	l := blank(name, b)
	plan, err := patch(b, hidden, set, subdomains)
	if err != nil {
		return l, err
	}
	defer release(b, plan)
	kernel, err := b.Open(plan)
	if err != nil {
		return l, err
	}
	defer kernel.Close()
	list := make([]int32, subdomains)
	for k := range list {
		list[k] = int32(k)
	}
	work, err := kernel.Select(list)
	if err != nil {
		return l, err
	}
	defer work.Close()

	pairs := float64(subdomains) * float64(plan.Tiles[0].N)
	before := count.launches
	forward, err := median(b, func() { work.Forward(nil) })
	if err != nil {
		return l, err
	}
	adjoint, err := median(b, func() { work.Adjoint(nil) })
	if err != nil {
		return l, err
	}
	l.Launches = (count.launches - before) / rounds
	l.ForwardNs, l.NsPerPair = forward/pairs, (forward+adjoint)/pairs

	c, g := float64(set.N()), float64(hidden[len(hidden)-1])
	for i := 1; i < len(hidden); i++ {
		g += float64(hidden[i] * hidden[i-1])
	}
	l.UsefulShare = (6*c*g + 10*float64(hidden[0])) / (l.NsPerPair * 1e-9) / l.Peak
	var x T
	size := float64(4)
	if _, double := any(x).(float64); double {
		size = 8
	}
	visit := 3 * size * float64(plan.Net.Params()) / float64(plan.Tiles[0].N) // parameters twice, gradient once; compulsory: each once
	l.Bytes = float64(b.PairBytes(2, set.N())) + visit
	l.Compulsory = size*(2+2*c) + visit*2/3
	l.Kernel += ": " + kernel.Name()
	return l.finish(), nil
}

// adamLine times one update of sixteen million parameters, which no cache holds.
func adamLine[T kernels.Real](b yardstick[T], count *counter) (benchLine, error) {
	const n = 1 << 24
	l := blank("Adam", b)
	var v [4][]T
	for i := range v {
		var err error
		if v[i], err = b.Make(n); err != nil {
			return l, err
		}
		defer b.Free(v[i])
		b.Clear(v[i]) // pages that nobody wrote would all be one
	}
	before := count.launches
	ns, err := median(b, func() {
		b.Adam(kernels.AdamStep{Rate: 1e-3, Beta1: .9, Beta2: .999, Eps: 1e-8, Step: 1}, v[0], v[1], v[2], v[3])
	})
	l.Launches = (count.launches - before) / rounds
	l.NsPerPair = ns / n
	size := float64(4)
	if l.Precision == "float64" {
		size = 8
	}
	l.Bytes, l.Compulsory = 7*size, 7*size // θ, m, v in and out, gradient in
	return l.finish(), err
}

// rounds of a measurement, the first of which warms up.
const rounds = 16

// median is the middle time of f in nanoseconds.
func median[T kernels.Real](b kernels.Backend[T], f func()) (float64, error) {
	var ns []float64
	for round := range rounds {
		began := time.Now()
		f()
		if err := b.Sync(); err != nil {
			return 0, err
		}
		if round > 0 {
			ns = append(ns, float64(time.Since(began).Nanoseconds()))
		}
	}
	sort.Float64s(ns)
	return ns[len(ns)/2], nil
}
