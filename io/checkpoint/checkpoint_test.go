package checkpoint

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"fbpinn-mpi/io/h5/h5test"
)

// example has one level in float32 with Adam moments and one in float64 without, and every kind of array.
func example(step int64) *Checkpoint {
	r := rand.New(rand.NewPCG(uint64(step), 1))
	f32 := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	f64 := func(n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		return v
	}
	theta := f32(6 * 33)
	theta[0], theta[1], theta[2] = float32(math.Inf(1)), math.SmallestNonzeroFloat32, float32(math.Copysign(0, -1))
	return &Checkpoint{
		Step: step, Seconds: 12.75, Seed: math.MaxUint64 - 3, JobSHA256: strings.Repeat("ab", 32), Precision: "float32",
		Levels: []Level{
			{Theta: Of("theta", theta, 6, 33), M: Of("m", f32(6*33), 6, 33), V: Of("v", f32(6*33), 6, 33)},
			{Theta: Of("theta", f64(50), 2, 25)},
		},
		History: []Series{{"step", []float64{0, 10}}, {"loss", []float64{1, math.SmallestNonzeroFloat64}}, {"error_u", []float64{0.5, 0.25}}},
		State:   []Number{{"rate", 1e-3}, {"patience", 4}},
		Arrays:  []Array{Of("lbfgs_s", f64(12), 3, 4), Of("counter", []uint64{1, math.MaxUint64}), Of("active", []int64{-1, 2}), Of("none", []float64{})},
	}
}

func mustWrite(t *testing.T, dir string, c *Checkpoint) {
	t.Helper()
	if err := Write(dir, c); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTripKeepsEveryBit(t *testing.T) {
	dir := t.TempDir()
	want := example(100)
	mustWrite(t, dir, want)
	got, warnings, err := Latest(dir)
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v\nwrote\n%+v", got, want)
	}
	theta, err := As[float32](got.Levels[0].Theta)
	if err != nil || math.Float32bits(theta[2]) != 1<<31 {
		t.Errorf("minus zero: %v %v", theta[:3], err)
	}
	if _, err := As[float64](got.Levels[0].Theta); err == nil || !strings.Contains(err.Error(), "precision") {
		t.Errorf("float32 read as float64: %v", err)
	}
	if a, ok := got.Array("counter"); !ok || a.U64[1] != math.MaxUint64 {
		t.Error("array by name")
	}
	if v, ok := got.Number("patience"); !ok || v != 4 {
		t.Error("number by name")
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func TestKeepsTwoGenerationsAndForeignFiles(t *testing.T) {
	dir := t.TempDir()
	foreign := []string{"checkpoint-best.h5", "checkpoint-007.h5", "checkpoint-5.h5.bak", "notes"}
	for _, n := range foreign {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []int64{0, 5, 90, 100} {
		mustWrite(t, dir, example(step))
	}
	want := "checkpoint-007.h5 checkpoint-100.h5 checkpoint-100.json checkpoint-5.h5.bak checkpoint-90.h5 checkpoint-90.json checkpoint-best.h5 notes"
	if got := names(t, dir); got != want {
		t.Errorf("got %s", got)
	}
	// A run that had to go back to 90 writes 95: what lay ahead is void.
	mustWrite(t, dir, example(95))
	if got := names(t, dir); strings.Contains(got, "100") || !strings.Contains(got, "checkpoint-90.json") || !strings.Contains(got, "checkpoint-95.json") {
		t.Errorf("got %s", got)
	}
	// The same step again replaces its generation.
	again := example(95)
	again.Seconds = 99
	mustWrite(t, dir, again)
	if got, _, err := Latest(dir); err != nil || got.Seconds != 99 {
		t.Errorf("%v %v", got, err)
	}
}

func TestNone(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Latest(dir); !errors.Is(err, ErrNone) {
		t.Errorf("empty folder: %v", err)
	}
	if _, _, err := Latest(filepath.Join(dir, "absent")); !errors.Is(err, ErrNone) {
		t.Errorf("no folder: %v", err)
	}
	mustWrite(t, dir, example(1))
	if err := os.Remove(manifestName(dir, 1)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Latest(dir); !errors.Is(err, ErrNone) {
		t.Errorf("data without manifest: %v", err)
	}
}

// Every flipped bit and every truncation of data or manifest is detected, and the generation before is used.
func TestDamageIsAlwaysDetected(t *testing.T) {
	dir := t.TempDir()
	mustWrite(t, dir, example(10))
	mustWrite(t, dir, example(20))
	const seed = 20 // of the places; any will do
	r := rand.New(rand.NewPCG(seed, 0))
	files := []string{dataName(dir, 20), manifestName(dir, 20)}
	damage := func(file string, change func([]byte) []byte) {
		t.Helper()
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, change(append([]byte{}, raw...)), 0o644); err != nil {
			t.Fatal(err)
		}
		c, warnings, err := Latest(dir)
		if err != nil || c.Step != 10 || len(warnings) != 1 {
			t.Errorf("%s: step %v, warnings %q, %v", filepath.Base(file), c, warnings, err)
		}
		if err := os.WriteFile(file, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < 150; i++ {
		file, bit := files[i%2], 0
		damage(file, func(b []byte) []byte {
			bit = r.IntN(8 * len(b))
			b[bit/8] ^= 1 << (bit % 8)
			return b
		})
		if t.Failed() {
			t.Fatalf("bit %d of %s", bit, filepath.Base(file))
		}
	}
	for i := 0; i < 30; i++ {
		damage(files[i%2], func(b []byte) []byte { return b[:r.IntN(len(b))] })
	}
	for _, file := range files {
		damage(file, func(b []byte) []byte { return append(b, 0) })
	}
	// Every single bit of the manifest.
	raw, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	for bit := 0; bit < 8*len(raw); bit++ {
		bad := append([]byte{}, raw...)
		bad[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(files[1], bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if c, err := verified(dir, 20); err == nil {
			t.Fatalf("bit %d of the manifest: accepted as %+v", bit, c)
		}
	}
	// Both generations damaged: none is left, and the message says what was wrong with each.
	if err := os.Truncate(dataName(dir, 10), 100); err != nil {
		t.Fatal(err)
	}
	_, warnings, err := Latest(dir)
	if !errors.Is(err, ErrNone) || len(warnings) != 2 || !strings.Contains(err.Error(), "step 10") {
		t.Errorf("%v %q", err, warnings)
	}
}

// Files of two runs with one step must not be taken for a pair.
func TestPairsMustFit(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	mustWrite(t, a, example(10))
	other := example(10)
	other.JobSHA256 = strings.Repeat("cd", 32)
	mustWrite(t, b, other)
	raw, err := os.ReadFile(dataName(b, 10))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dataName(a, 10), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Latest(a); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
}

// A disk that fills up at any point leaves the previous checkpoint and no partial file.
func TestDiskFull(t *testing.T) {
	dir := h5test.Disk(t, "1m")
	mustWrite(t, dir, example(10))
	before := names(t, dir)
	filler := filepath.Join(dir, "filler")
	full := 0
	// From no space at all to enough, in pages: open, writing, closing and the manifest each meet the end once.
	for free := 0; free <= 64; free += 4 {
		if err := os.WriteFile(filler, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		fill(t, filler, free<<10)
		err := Write(dir, example(20))
		if err == nil {
			break
		}
		full++
		if !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%d KiB free: unclear message: %v", free, err)
		}
		if got := strings.Replace(names(t, dir), " filler", "", 1); got != before {
			t.Errorf("%d KiB free: left %s", free, got)
		}
		if c, _, err := Latest(dir); err != nil || c.Step != 10 {
			t.Errorf("%d KiB free: %v", free, err)
		}
	}
	if full < 3 {
		t.Errorf("the disk was full only %d times", full)
	}
	if c, _, err := Latest(dir); err != nil || c.Step != 20 {
		t.Errorf("with space again: %v", err)
	}
}

// fill writes into path until only free bytes are left.
func fill(t *testing.T, path string, free int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	size := 0
	for {
		n, err := f.Write(page)
		size += n
		if err != nil {
			break
		}
	}
	if err := f.Truncate(int64(size - free)); err != nil {
		t.Fatal(err)
	}
}

// TestWriterProcess is not a test: it is the process that TestKill kills.
func TestWriterProcess(t *testing.T) {
	dir := os.Getenv("FBPINN_CHECKPOINT_WRITER")
	if dir == "" {
		t.Skip("SKIP: runs only as the child of TestKill")
	}
	first := int64(1)
	if c, _, err := Latest(dir); err == nil {
		first = c.Step + 1
	}
	for step := first; ; step++ {
		if err := Write(dir, example(step)); err != nil {
			t.Fatal(err)
		}
	}
}

// A process killed while it does nothing but write checkpoints leaves a valid one, of the last generation or the one before,
// and the next process needs no clean-up.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	last := int64(0)
	for k := 0; k < 12; k++ {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWriterProcess$")
		cmd.Env = append(os.Environ(), "FBPINN_CHECKPOINT_WRITER="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Wait for it to have written something, then kill at a moment that differs each time.
		deadline := time.Now().Add(20 * time.Second)
		for {
			have, err := steps(dir, ".json")
			if err == nil && len(have) > 0 && have[0] > last {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the writer does not write")
			}
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(time.Duration(k*1370) * time.Microsecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		c, warnings, err := Latest(dir)
		if err != nil {
			t.Fatalf("kill %d: %v", k, err)
		}
		if c.Step < last || len(warnings) > 1 {
			t.Errorf("kill %d: step %d after %d, %q", k, c.Step, last, warnings)
		}
		want := example(c.Step)
		want.SHA256 = c.SHA256
		if !reflect.DeepEqual(c, want) {
			t.Errorf("kill %d: step %d is not what was written", k, c.Step)
		}
		last = c.Step
	}
	if last < 12 {
		t.Errorf("only %d checkpoints in 12 lives", last)
	}
}

func BenchmarkWrite(b *testing.B) {
	c := example(1)
	n := 1 << 22
	c.Levels = []Level{{Theta: Of("theta", make([]float64, n), 4096, n/4096)}}
	b.SetBytes(int64(8 * n))
	dir := b.TempDir()
	for b.Loop() {
		c.Step++
		if err := Write(dir, c); err != nil {
			b.Fatal(err)
		}
	}
	if _, _, err := Latest(dir); err != nil {
		b.Fatal(fmt.Errorf("written, but %w", err))
	}
}
