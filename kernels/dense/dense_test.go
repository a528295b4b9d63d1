package dense

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// TestThreads does the same work in many goroutines at once; the bits must be those of one. A build without locks fails here
// within a fraction of a second.
func TestThreads(t *testing.T) {
	l := library(t)
	work := func(seed uint64) (sum float64) {
		r := rand.New(rand.NewPCG(seed, 1))
		var w Work
		for range 40 {
			n := 20 + r.IntN(120)
			g, a := random(r, n, n), identity(n)
			l.Gemm(NoTrans, Trans, 1, g, g, 1, a)
			f, c, panels := clone(a), random(r, n, n), Panels(n, n)
			l.Potrf(Lower, f)
			l.Trsm(Right, Lower, Trans, 1, f, c)
			l.Gemm(NoTrans, Trans, 1, c, c, 1, a)
			l.Syrk(Lower, NoTrans, 1, c, 1, a)
			l.Geqrt(c, panels, &w)
			for j := range n {
				for i := range n {
					sum += a.At(i, j) - c.At(i, j)
				}
			}
		}
		return sum
	}
	const seeds = 3
	var want [seeds]float64
	for s := range want {
		want[s] = work(uint64(s))
	}
	var all sync.WaitGroup
	for g := range 8 * runtime.NumCPU() {
		all.Go(func() {
			if got := work(uint64(g % seeds)); got != want[g%seeds] {
				t.Errorf("goroutine %d: %v, alone %v", g, got, want[g%seeds])
			}
		})
	}
	all.Wait()
}

// TestAllocations: what runs in inner loops allocates nothing once its scratch memory has grown.
func TestAllocations(t *testing.T) {
	l, r := library(t), rand.New(rand.NewPCG(13, 14))
	var w Work
	n := 60
	a, b, c, x, y, panels := spd(r, n), random(r, n, n), random(r, n, n), make([]float64, n), make([]float64, n), Panels(n, n)
	s, u, vt := make([]float64, n), NewMatrix(n, n), NewMatrix(n, n)
	if got := testing.AllocsPerRun(10, func() {
		l.Gemm(NoTrans, NoTrans, 1, a, b, 0, c)
		l.Syrk(Lower, NoTrans, 1, b, 0, c)
		l.Trmm(Left, Lower, NoTrans, 1e-3, a, b)
		l.Trsm(Left, Lower, NoTrans, 1, a, b)
		l.Gemv(NoTrans, 1, a, x, 0, y)
		l.Trsv(Lower, NoTrans, a, y)
		copy(c.Data, a.Data)
		l.Potrf(Lower, c)
		l.Geqrt(c, panels, &w)
		l.Gemqrt(Trans, c, panels, b, &w)
		_ = l.SVD(c, s, u, vt, &w)
		_ = l.Syevd(Lower, c, s, true, &w)
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestDescribe(t *testing.T) {
	l := library(t)
	rate := l.Rate()
	t.Logf("%s, %s, %.1f GFLOP/s", l.Describe(), l.File(), rate/1e9)
	if rate < 1e8 { // a hundredth of what the slowest kernel does on a processor of 2010
		t.Errorf("matrix products at %v FLOP/s", rate)
	}
	if w := l.Warning(rate, rate); w != "" {
		t.Errorf("warns at full rate: %s", w)
	}
	if w := l.Warning(rate, 5*rate); !strings.Contains(w, l.Describe()) {
		t.Errorf("a fifth of the rate brings only %q", w)
	}
}

// TestKernel: the kernel that OpenBLAS takes for a processor that it does not know is refused where the processor can do more, and a
// library that is closed and opened again chooses again, which is what Open builds on. In a process of its own, where nobody
// else has opened it.
func TestKernel(t *testing.T) {
	const child = "FBPINN_TEST_CHILD"
	if os.Getenv(child) == "" {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command(exe, "-test.run", "^TestKernel$", "-test.v")
		c.Env = append(os.Environ(), child+"=1", "OPENBLAS_CORETYPE=Prescott")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	l := library(t)
	if l.config() == "" {
		t.Skip("SKIP: the library is not OpenBLAS, whose names and kernels this test is about")
	}
	if l.Kernel() != "Prescott" {
		t.Fatalf("the user asked for Prescott and got %s", l.Kernel())
	}
	better := betterKernel("Prescott")
	if better == "" {
		t.Skip("SKIP: a processor without AVX2 has no better kernel to load")
	}
	if got := betterKernel(better); got != "" {
		t.Errorf("%s is better than Prescott, and %s than that", better, got)
	}
	slow := l.Rate()
	l.close()
	t.Setenv("OPENBLAS_CORETYPE", better)
	l = library(t)
	if l.Kernel() != better {
		t.Fatalf("opened again, the kernel is %s, not %s", l.Kernel(), better)
	}
	if fast := l.Rate(); fast < 1.5*slow { // four times the lanes; shared cores spoil some
		t.Errorf("%s: %.1f GFLOP/s, Prescott: %.1f", better, fast/1e9, slow/1e9)
	}
}

// TestOpenWrong: errors say what to do.
func TestOpenWrong(t *testing.T) {
	t.Setenv(Variable, "/nowhere/libblas.so")
	if _, err := Open(); err == nil || !strings.Contains(err.Error(), Variable) || !strings.Contains(err.Error(), "/nowhere/libblas.so") {
		t.Errorf("error %v", err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(Variable, exe)
	if _, err := Open(); err == nil {
		t.Error("loaded a program as a library")
	}
	t.Setenv(Variable, "libm.so.6")
	if _, err := Open(); err == nil || !strings.Contains(err.Error(), "dgemm_") {
		t.Errorf("a library without matrix products: %v", err)
	}
}
