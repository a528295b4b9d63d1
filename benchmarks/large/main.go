// Large measures what it costs to set up a decomposition, to hold it and to save it: Laplace's equation on a square, one level of N x N
// subdomains with 2.9 times their spacing in width, networks 2-16-1, about a hundred points in each, float32.
//
//	mpirun -np RANKS large -side N       one JSON line on rank 0
//	large -table FILE                    tables from such lines
//
// run.sh runs it from 10² to 10⁵ subdomains.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"fbpinn-mpi/io/checkpoint"
	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/cpu"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/optim"
	"fbpinn-mpi/solver/problem"
)

// MPI wants the main thread.
func init() { runtime.LockOSThread() }

func main() {
	side := flag.Int("side", 100, "subdomains along each axis")
	table := flag.String("table", "", "print tables from the lines of this file")
	flag.Parse()
	err := error(nil)
	if *table != "" {
		err = printTables(*table)
	} else {
		err = measure(*side)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "large:", err)
		os.Exit(1)
	}
}

// Record is one measurement. Seconds and bytes are those of the rank with most.
type Record struct {
	Subdomains int     `json:"subdomains"`
	Points     int     `json:"points"`
	Pairs      int64   `json:"pairs"` // of all ranks
	Ranks      int     `json:"ranks"`
	SetUp      float64 `json:"set_up"` // s, from nothing to the first step
	Phases     Phases  `json:"phases"`
	Step       float64 `json:"step"`       // s
	Checkpoint float64 `json:"checkpoint"` // s, gathered, written, synced and read again for its digest
	File       int64   `json:"file"`       // bytes of the checkpoint
	Arrays     int64   `json:"arrays"`     // bytes, see solver.Run.Bytes
	All        int64   `json:"all"`        // the same, of all ranks together
	Peak       int64   `json:"peak"`       // bytes resident at most while setting up, less those before
	Saving     int64   `json:"saving"`     // the same, with steps and a checkpoint
	Commit     string  `json:"commit,omitempty"`
	Machine    any     `json:"machine,omitempty"`
}

// Phases of setting up, in seconds. They are taken apart, after the whole.
type Phases struct {
	Subdomains float64 `json:"subdomains"` // and the equations
	Partition  float64 `json:"partition"`  // the points drawn, and divided among ranks
	Layout     float64 `json:"layout"`     // which points and subdomains this rank has, what it shares with others: the exchange plan
	Tiles      float64 `json:"tiles"`      // the points of each subdomain, windows there
	Rest       float64 `json:"rest"`       // initial parameters, columns of the point stage
}

// each is the points along an axis for each subdomain: a hundred pairs in one that is 2.9 spacings wide.
const each = 3.44

func measure(side int) error {
	comm, err := mpi.Init()
	if err != nil {
		return err
	}
	before := resident("VmHWM")
	began := time.Now()
	lap := func() float64 { t := time.Since(began).Seconds(); began = time.Now(); return t }

	n := int(each * float64(side))
	p, err := problem.Build(problem.Spec{Axes: []problem.Axis{{Name: "x", Lo: 0, Hi: 1}, {Name: "y", Lo: 0, Hi: 1}}, Unknowns: []string{"u"},
		Equations: []string{"u_xx + u_yy + 2*3.141592653589793^2*sin(3.141592653589793*x)*sin(3.141592653589793*y) = 0"},
		Ansatz:    []problem.Named{{Name: "u", Text: "tanh(x/0.1)*tanh((1-x)/0.1)*tanh(y/0.1)*tanh((1-y)/0.1)*u"}},
		Interior:  problem.PointSpec{Sampler: "grid", Shape: []int{n, n}}})
	if err != nil {
		return err
	}
	dec, err := decomp.New([]decomp.Axis{{Name: "x", Lo: 0, Hi: 1}, {Name: "y", Lo: 0, Hi: 1}},
		[]decomp.LevelSpec{{Counts: []int{side, side}, Overlap: []float64{2.9}}})
	if err != nil {
		return err
	}
	m := &model.Model{Dec: dec, Nets: []kernels.Net{{D: 2, Hidden: []int{16}, Out: 1}}, Scale: []float64{1}, Shift: []float64{0}}
	const steps = 4
	set := solver.Settings{Stages: []solver.Stage{{Method: "adam", Steps: steps, Rate: optim.Schedule{Rate: 1e-3}}}, Adam: optim.Paper(),
		Features: model.Features{Scale: 1}, Choice: model.Choice{Mode: "auto", Replicate: -1}}
	record := Record{Subdomains: dec.Subdomains(), Ranks: comm.Size()}
	record.Phases.Subdomains = lap()
	save := &saver{}
	r, err := solver.New(comm, kernels.Backend[float32](cpu.New[float32]()), cpu.New[float64](), p, m, set, nil, nil, solver.Observer[float32](save))
	if err != nil {
		return err
	}
	whole := lap()
	record.SetUp, record.Points = record.Phases.Subdomains+whole, r.Total
	record.Arrays, record.Peak = r.Bytes(), resident("VmHWM")-before
	if save.dir, err = os.MkdirTemp("", "large"); err != nil {
		return err
	}
	defer os.RemoveAll(save.dir)
	if _, err := r.Train(); err != nil {
		return err
	}
	record.Step = r.Seconds() / steps
	record.Checkpoint, record.File, record.Saving = save.seconds, save.bytes, resident("VmHWM")-before
	record.Pairs = int64(r.Cloud.Pairs)
	r.Close()

	lap()
	points := solver.Draw(p, 0)
	part := dec.Partition(points, comm.Size())
	record.Phases.Partition = lap()
	model.NewLayout(m, p.Jets.N(), part, points, comm.Rank(), set.Choice)
	record.Phases.Layout = lap()
	c, err := model.NewCloud(comm, kernels.Backend[float32](cpu.New[float32]()), m, p.Jets, part, points, set.Choice)
	if err != nil {
		return err
	}
	cloud := lap()
	c.Close()
	record.Phases.Tiles = cloud - record.Phases.Layout
	record.Phases.Rest = whole - record.Phases.Partition - cloud
	if err := record.combine(comm); err != nil {
		return err
	}
	if comm.Rank() == 0 {
		if err := json.NewEncoder(os.Stdout).Encode(record); err != nil {
			return err
		}
	}
	return comm.Finalize()
}

// combine takes the largest figures of all ranks, and the sums of pairs and arrays.
func (r *Record) combine(comm mpi.Comm) error {
	seconds := []*float64{&r.SetUp, &r.Phases.Subdomains, &r.Phases.Partition, &r.Phases.Layout, &r.Phases.Tiles, &r.Phases.Rest, &r.Step, &r.Checkpoint}
	bytes := []*int64{&r.File, &r.Arrays, &r.Peak, &r.Saving}
	var most []float64
	for _, v := range seconds {
		most = append(most, *v)
	}
	for _, v := range bytes {
		most = append(most, float64(*v))
	}
	sums := []float64{float64(r.Pairs), float64(r.Arrays)}
	if err := errors.Join(mpi.Allreduce(comm, most, mpi.Max), mpi.Allreduce(comm, sums, mpi.Sum)); err != nil {
		return err
	}
	for k, v := range seconds {
		*v = most[k]
	}
	for k, v := range bytes {
		*v = int64(most[len(seconds)+k])
	}
	r.Pairs, r.All = int64(sums[0]), int64(sums[1])
	return nil
}

// saver writes the checkpoint of the end as the program does.
type saver struct {
	dir     string
	seconds float64
	bytes   int64
}

func (s *saver) Report(solver.Report) {}
func (s *saver) Stop() bool           { return false }

func (s *saver) Checkpoint(state *solver.State[float32]) error {
	began := time.Now()
	c := &checkpoint.Checkpoint{Step: int64(state.Step), Precision: "float32"}
	for _, level := range state.Levels {
		c.Levels = append(c.Levels, checkpoint.Level{Theta: checkpoint.Of("theta", level.Theta), M: checkpoint.Of("m", level.M), V: checkpoint.Of("v", level.V)})
	}
	if err := checkpoint.Write(s.dir, c); err != nil {
		return err
	}
	s.seconds = time.Since(began).Seconds()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			s.bytes += info.Size()
		}
	}
	return nil
}

// resident reads a figure of the process, in bytes: VmHWM is the largest resident size so far. 0 where the system does not tell.
func resident(field string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if _, err := fmt.Sscanf(line, field+": %d kB", &kib); err == nil {
			return kib * 1024
		}
	}
	return 0
}

// printTables prints the last line of each size and number of ranks.
func printTables(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var records []Record
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		records = append(records, r)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	type key struct{ subdomains, ranks int }
	last := map[key]int{}
	for i, r := range records {
		last[key{r.Subdomains, r.Ranks}] = i
	}
	fmt.Println("| subdomains | pairs | ranks | set-up, s | subdomains | partition | layout | tiles | rest | arrays of a rank, MB | set-up: peak over them | over all/ranks | with steps and a checkpoint: over all/ranks | checkpoint, s (MB) | apart for 1 %, s |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	const mb = 1e6
	for i, r := range records {
		if last[key{r.Subdomains, r.Ranks}] != i {
			continue
		}
		p := r.Phases
		ideal := float64(r.All) / float64(r.Ranks)
		fmt.Printf("| %d | %d | %d | %.3g | %.2g | %.2g | %.2g | %.2g | %.2g | %.4g | %.2f | %.2f | %.2f | %.2g (%.3g) | %.0f |\n", r.Subdomains, r.Pairs, r.Ranks, r.SetUp,
			p.Subdomains, p.Partition, p.Layout, p.Tiles, p.Rest, float64(r.Arrays)/mb, float64(r.Peak)/float64(r.Arrays), float64(r.Peak)/ideal,
			float64(r.Saving)/ideal, r.Checkpoint, float64(r.File)/mb, 100*r.Checkpoint)
	}
	return nil
}
