package main

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"sort"
	"time"

	"github.com/spf13/cobra"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/cpu"
)

// benchLine is one measurement of a kernel.
type benchLine struct {
	Kernel       string  `json:"kernel"`
	Precision    string  `json:"precision"`
	Peak         float64 `json:"peak_flops"`          // multiply-add rate measured in the same run, one core
	NsPerPair    float64 `json:"ns_per_pair"`         // forward and adjoint
	MillionPairs float64 `json:"million_pairs_per_s"` // one core
	UsefulShare  float64 `json:"useful_share"`        // of the peak; recomputation does not count
	Go           string  `json:"go"`
	Version      string  `json:"version"`
	Time         string  `json:"time"`
}

func benchCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the kernels against the processor's multiply-add rate, in one run on one core",
		Long: `Measure the kernels against the processor's multiply-add rate, in one run on one core.

one-pass   2-w-w-1 networks with u, u_x, u_t, u_xx and a residual local to the network: forward, residual and weight
           gradients in one go, nothing recomputed
two-pass   what a training step does: forward of all tiles; then gather, recompute, backward, weight gradients
Useful FLOPs are 6 C G + 5 w d a pair, G = (L-1) w² + w n_u (2 C G + .. forward); medians of fifteen.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for _, line := range measure() {
				if asJSON {
					text, err := json.Marshal(line)
					if err != nil {
						return err
					}
					fmt.Fprintln(c.OutOrStdout(), string(text))
					continue
				}
				fmt.Fprintf(c.OutOrStdout(), "%-34s %-8s peak %6.1f GFLOP/s  %8.2f ns/pair  %7.2f Mpairs/s  %5.1f %% of peak\n", line.Kernel,
					line.Precision, line.Peak/1e9, line.NsPerPair, line.MillionPairs, 100*line.UsefulShare)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON line a measurement")
	return c
}

func measure() (lines []benchLine) {
	for _, w := range []int{16, 32, 64} {
		const points = 4096
		b := cpu.New[float32]()
		share, peak := b.OnePassShare(w, 2, points), b.PeakFMA()
		flops := float64(6*4*(w*w+w) + 5*w*2)
		lines = append(lines, finish(benchLine{Kernel: fmt.Sprintf("one-pass 2-%d-%d-1 C4 tanh", w, w), Precision: "float32", Peak: peak,
			UsefulShare: share, NsPerPair: flops / (share * peak) * 1e9}))
	}
	laplace := kernels.NewJets(2, kernels.MultiIndex{2}, kernels.MultiIndex{0, 2})
	burgers := kernels.NewJets(2, kernels.MultiIndex{2}, kernels.MultiIndex{0, 1})
	for _, hidden := range [][]int{{16}, {32}, {16, 16}, {32, 32}, {64, 64}} {
		set, label := burgers, "C4"
		if len(hidden) == 1 {
			set, label = laplace, "C5"
		}
		name := fmt.Sprintf("two-pass 2%s-1 %s tanh", dashes(hidden), label)
		lines = append(lines, twoPass[float32](name, "float32", hidden, set), twoPass[float64](name, "float64", hidden, set))
	}
	return lines
}

func dashes(hidden []int) (s string) {
	for _, w := range hidden {
		s += fmt.Sprintf("-%d", w)
	}
	return s
}

func finish(l benchLine) benchLine {
	l.MillionPairs = 1e3 / l.NsPerPair
	l.Go, l.Version, l.Time = runtime.Version(), version(), time.Now().UTC().Format(time.RFC3339)
	return l
}

// twoPass times forward and adjoint over subdomains of 9 x 10 points in rows of a grid, as in the multi-scale Laplace job.
func twoPass[T kernels.Real](name, precision string, hidden []int, set kernels.Jets) benchLine {
	const subdomains, across, rows, row = 2048, 32, 9, 10
	net := kernels.Net{D: 2, Hidden: hidden, Out: 1}
	pad, p := kernels.Pad(rows*row), net.Params()
	plan := &kernels.Plan[T]{Net: net, Jets: set, Tiles: kernels.Make[kernels.Tile](subdomains), Runs: kernels.Make[kernels.Run](subdomains * rows),
		Sections: kernels.From([]kernels.Section{{Base: 0, Stride: subdomains * rows * row}}), X: kernels.Make[T](subdomains * 2 * pad),
		W: kernels.Make[T](subdomains * set.N() * pad), InvSigma: kernels.Make[T](2 * subdomains), Scale: kernels.From([]T{1}),
		Shift: kernels.Make[T](1), Theta: kernels.Make[T](subdomains * p), Grad: kernels.Make[T](subdomains * p),
		U: kernels.Make[T](set.N() * subdomains * rows * row), UBar: kernels.Make[T](set.N() * subdomains * rows * row)}
	for i := range plan.Theta {
		plan.Theta[i] = T(math.Sin(float64(i)))
	}
	for i := range plan.X {
		plan.X[i] = T(math.Cos(float64(i)))
	}
	for _, v := range [][]T{plan.W, plan.UBar, plan.InvSigma} {
		for i := range v {
			v[i] = 1
		}
	}
	list := kernels.Make[int32](subdomains)
	for k := range plan.Tiles {
		list[k] = int32(k)
		plan.Tiles[k] = kernels.Tile{Sub: int32(k), N: rows * row, Run: int32(k * rows), Runs: rows, X: int64(k * 2 * pad), W: int64(k * set.N() * pad)}
		for r := 0; r < rows; r++ {
			// Subdomains side by side on a grid of points: their rows lie apart in the planes.
			line := (k/across)*rows + r
			plan.Runs[k*rows+r] = kernels.Run{Tile: int32(r * row), Point: int32((line*across + k%across) * row), N: row}
		}
	}
	b := cpu.New[T]()
	kernel, err := b.Open(plan)
	if err != nil {
		panic("bench: " + err.Error()) // a shape that the kernels must take
	}
	defer kernel.Close()
	var ns []float64
	for round := 0; round < 16; round++ {
		began := time.Now()
		kernel.Forward(list)
		kernel.Adjoint(list)
		if round > 0 {
			ns = append(ns, float64(time.Since(began).Nanoseconds())/(subdomains*rows*row))
		}
	}
	sort.Float64s(ns)
	peak, c := b.PeakFMA(), float64(set.N())
	g := float64(hidden[len(hidden)-1])
	for i := 1; i < len(hidden); i++ {
		g += float64(hidden[i] * hidden[i-1])
	}
	flops := 6*c*g + 10*float64(hidden[0])
	for _, m := range []func(){func() { kernels.Free(plan.X) }, func() { kernels.Free(plan.W) }, func() { kernels.Free(plan.U) }, func() { kernels.Free(plan.UBar) }} {
		m()
	}
	median := ns[len(ns)/2]
	return finish(benchLine{Kernel: name + ": " + kernel.Name(), Precision: precision, Peak: peak, NsPerPair: median,
		UsefulShare: flops / (median * 1e-9) / peak})
}
