// Package dense is the seam to BLAS and LAPACK: matrix products, factorisations and spectra of dense float64 matrices on one
// core, callable from any number of goroutines at once.
//
// OpenBLAS is loaded when asked for, not linked: it chooses its kernel while it loads, knows no processors younger than itself,
// and then takes one that is a fifth as fast. Open asks which kernel was chosen and loads again with OPENBLAS_CORETYPE set where
// the processor can do more. Programs that need no dense algebra run where there is no such library.
//
// Every call works on one thread, the caller's: parallelism is the business of those who know the tasks.
package dense

// #cgo CFLAGS: -O2 -g0
// #cgo LDFLAGS: -ldl
// #cgo noescape fb_gemm
// #cgo nocallback fb_gemm
// #cgo noescape fb_syrk
// #cgo nocallback fb_syrk
// #cgo noescape fb_trsm
// #cgo nocallback fb_trsm
// #cgo noescape fb_trmm
// #cgo nocallback fb_trmm
// #cgo noescape fb_gemv
// #cgo nocallback fb_gemv
// #cgo noescape fb_trsv
// #cgo nocallback fb_trsv
// #cgo noescape fb_potrf
// #cgo nocallback fb_potrf
// #cgo noescape fb_geqrt
// #cgo nocallback fb_geqrt
// #cgo noescape fb_gemqrt
// #cgo nocallback fb_gemqrt
// #cgo noescape fb_gesdd
// #cgo nocallback fb_gesdd
// #cgo noescape fb_gesvd
// #cgo nocallback fb_gesvd
// #cgo noescape fb_syevd
// #cgo nocallback fb_syevd
// #cgo noescape fb_sygvd
// #cgo nocallback fb_sygvd
// #include <stdlib.h>
// #include "dense.h"
import "C"

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"
)

// Library is a loaded BLAS and LAPACK. It stays loaded until the process ends.
type Library struct {
	table *C.fb_blas // in C memory
	file  string
}

// Variable names the library to load in place of those that Open looks for.
const Variable = "FBPINN_BLAS"

// remedy ends every error of Open.
const remedy = "install it (Debian, Ubuntu: apt-get install libopenblas0-pthread) or let " + Variable + " name the file of another"

// Open loads the library. Call it before goroutines that read the environment start: it may set OPENBLAS_CORETYPE,
// OPENBLAS_NUM_THREADS and OMP_NUM_THREADS. Calling it twice gives the same library once more.
func Open() (*Library, error) {
	if path := os.Getenv(Variable); path != "" {
		l, err := load(path)
		if err != nil {
			return nil, fmt.Errorf("dense: %s: %w", Variable, err)
		}
		return l, nil
	}
	// The build with POSIX threads has the first name with Red Hat and SUSE, and in our bundle. Debian lets the second point to the
	// build that was chosen or installed last, which may be the one for a single thread; theirs lie side by side.
	var first error
	names := []string{"libopenblasp.so.0", "libopenblas.so.0"}
	for i := 0; i < len(names); i++ {
		l, err := load(names[i])
		if err == nil {
			return l, nil
		}
		var serial serialError
		if s, ok := err.(serialError); ok && len(names) == 2 {
			serial = s
			names = append(names, filepath.Join(filepath.Dir(filepath.Dir(serial.file)), "openblas-pthread", "libopenblas.so.0"))
		}
		if i == 1 {
			first = err
		}
	}
	return nil, fmt.Errorf("dense: no BLAS: %w; %s", first, remedy)
}

// serialError is a build of OpenBLAS for programs of one thread. Whether it has locks nevertheless, as Debian's has and others
// have not, it does not say.
type serialError struct{ file string }

func (e serialError) Error() string {
	return e.file + " is a build for one thread, unsafe to call from several"
}

func load(path string) (*Library, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	table := (*C.fb_blas)(C.malloc(C.sizeof_fb_blas))
	if trouble := C.fb_blas_open(table, name); trouble != nil {
		C.free(unsafe.Pointer(table))
		text := C.GoString(trouble)
		if !strings.Contains(text, " ") {
			text = path + " has no function " + text
		}
		return nil, fmt.Errorf("%s", text)
	}
	file := C.GoString(C.fb_blas_file(table))
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	l := &Library{table, file}
	if table.parallel != nil && C.fb_blas_parallel(table) == 0 {
		l.close()
		return nil, serialError{file}
	}
	return l, nil
}

func (l *Library) close() {
	C.fb_blas_close(l.table)
	C.free(unsafe.Pointer(l.table))
}

// betterKernel names a kernel that suits this processor better than the given one, or nothing.
func betterKernel(chosen string) string {
	name := C.CString(chosen)
	defer C.free(unsafe.Pointer(name))
	return C.GoString(C.fb_better_core(name))
}

// File is where the library was loaded from.
func (l *Library) File() string { return l.file }

// config is what OpenBLAS says of its build, "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...", or nothing.
func (l *Library) config() string { return C.GoString(C.fb_blas_config(l.table)) }

// Kernel is OpenBLAS's name for the processor that its kernel was written for, "SkylakeX"; empty for other libraries.
func (l *Library) Kernel() string { return C.GoString(C.fb_blas_core(l.table)) }

// Describe is like "OpenBLAS 0.3.21, kernel SkylakeX".
func (l *Library) Describe() string {
	words := strings.Fields(l.config())
	if len(words) < 2 {
		return filepath.Base(l.file)
	}
	return fmt.Sprintf("%s %s, kernel %s", words[0], words[1], l.Kernel())
}

// Rate measures matrix products of 512×512 on one core in FLOP/s, in about 50 ms: the best of some ten.
func (l *Library) Rate() float64 {
	const n, budget = 512, 50 * time.Millisecond
	a, b, c := NewMatrix(n, n), NewMatrix(n, n), NewMatrix(n, n)
	for i := range a.Data {
		a.Data[i], b.Data[i] = float64(1+i%7)/7, float64(1+i%5)/5
	}
	fastest := math.Inf(1)
	for began := time.Now(); time.Since(began) < budget; {
		t := time.Now()
		l.Gemm(NoTrans, Trans, 1, a, b, 0, c)
		fastest = min(fastest, time.Since(t).Seconds())
	}
	return 2 * n * n * n / fastest
}

// slow is the share of the multiply-add rate below which products are reported as slow. OpenBLAS with the right kernel reaches 80 to
// 95 %; with AVX2 on a processor with two AVX-512 units it is 45 %, with the oldest kernel 16 %.
const slow = 0.6

// Warning is empty, or says that products run at less than the processor can do, why that may be, and what to do. rate is that of
// Rate, peak the multiply-add rate of a core (cpu.PeakFMA), both in FLOP/s.
func (l *Library) Warning(rate, peak float64) string {
	if rate >= slow*peak {
		return ""
	}
	text := fmt.Sprintf("matrix products run at %.0f of %.0f GFLOP/s of a core with %s", rate/1e9, peak/1e9, l.Describe())
	if set := os.Getenv("OPENBLAS_CORETYPE"); set != "" {
		return text + "; OPENBLAS_CORETYPE is " + set
	}
	return text + "; try a newer library (" + Variable + " names its file), and see whether other processes use the cores"
}
