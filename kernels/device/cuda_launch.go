//go:build cuda

package device

// #include <stdlib.h>
// #include "cuda_calls.h"
import "C"

import (
	"embed"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

// compiled holds what nvcc makes of kernels/src: a fatbin a source file, with code for the cards of today and PTX for newer ones.
// `make cuda` fills the folder; without it the program builds, and says so here.
//
//go:embed fatbin
var compiled embed.FS

// plainShared is how much dynamic shared memory a kernel may use without asking, in bytes.
const plainShared = 48 << 10

// cudaFunction is a kernel that has been found.
type cudaFunction struct {
	name   string
	handle unsafe.Pointer
	shared int64 // dynamic shared memory allowed so far
}

// cudaGraph is a recorded stretch of the queue; in blocking mode it stays the function that queues it.
type cudaGraph struct {
	exec   unsafe.Pointer
	repeat func()
	last   string // its last kernel
}

// load brings the kernels onto the card.
func (c *card) load() error {
	files, err := compiled.ReadDir("fatbin")
	if err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".fatbin") {
			continue
		}
		image, err := compiled.ReadFile("fatbin/" + f.Name())
		if err != nil {
			return err
		}
		// In C memory, aligned and never freed: a driver that loads lazily may read it when a kernel is first used.
		var module unsafe.Pointer
		if err := cudaResult(C.fb_cuda_module(C.CBytes(image), &module)); err != nil {
			return fmt.Errorf("load the kernels of %s: %w", f.Name(), err)
		}
		c.modules = append(c.modules, module)
	}
	if len(c.modules) == 0 {
		return errors.New("this program was built without kernels; build it with: make cuda")
	}
	return nil
}

// Function finds a kernel in the modules. Trouble other than absence is kept for Sync.
func (c *card) Function(name string) (Function, bool) {
	if f, ok := c.known[name]; ok {
		return f, f != 0
	}
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	for _, module := range c.modules {
		var handle unsafe.Pointer
		switch code := C.fb_cuda_function(module, text, &handle); code {
		case C.CUDA_SUCCESS:
			c.functions = append(c.functions, cudaFunction{name, handle, plainShared})
			c.known[name] = Function(len(c.functions))
			return c.known[name], true
		case C.CUDA_ERROR_NOT_FOUND:
		default:
			c.note("find kernel "+name, cudaResult(code))
			return 0, false
		}
	}
	c.known[name] = 0
	return 0, false
}

// Launch queues a kernel. The driver copies the arguments, whose size the kernel knows.
func (c *card) Launch(f Function, blocks, threads int, shared int64, arguments unsafe.Pointer, _ int) {
	if blocks <= 0 {
		return
	}
	k := &c.functions[f-1]
	if shared > k.shared {
		if code := C.fb_cuda_allow_shared(k.handle, C.int(shared)); code != 0 {
			c.fault(k, blocks, threads, shared, code)
			return
		}
		k.shared = shared
	}
	code := C.fb_cuda_launch(k.handle, C.uint(blocks), C.uint(threads), C.uint(shared), c.queue, arguments)
	runtime.KeepAlive(arguments)
	if code != 0 {
		c.fault(k, blocks, threads, shared, code)
		return
	}
	c.last = k.name
	if c.blocking {
		if err := c.stream.Synchronize(); err != nil && c.err == nil {
			c.err = fmt.Errorf("device: kernel %s failed: %w", k.name, explained(err))
		}
	}
}

// fault keeps the error of a launch that the driver refused, with what it was asked for.
func (c *card) fault(k *cudaFunction, blocks, threads int, shared int64, code C.int) {
	if c.err != nil {
		return
	}
	before := ""
	if c.last != "" { // a kernel that crashed makes every later launch fail
		before = ", after " + c.last
	}
	c.err = fmt.Errorf("device: launch %s with %d blocks of %d threads and %d bytes of shared memory (at most %d)%s: %w", k.name,
		blocks, threads, shared, c.info.SharedPerBlock, before, cudaResult(code))
}

// FreeGraph waits for the card, since a graph in flight must stay.
func (c *card) FreeGraph(g Graph) {
	p := &c.graphs[g-1]
	if p.exec != nil {
		c.note("wait for a recording", c.stream.Synchronize())
		c.note("free a recording", cudaResult(C.fb_cuda_forget(p.exec)))
	}
	*p = cudaGraph{}
	c.unused = append(c.unused, g)
}

// keep gives a graph a number.
func (c *card) keep(p cudaGraph) Graph {
	if n := len(c.unused); n > 0 {
		g := c.unused[n-1]
		c.unused = c.unused[:n-1]
		c.graphs[g-1] = p
		return g
	}
	c.graphs = append(c.graphs, p)
	return Graph(len(c.graphs))
}

// Record captures what f queues.
func (c *card) Record(f func()) (Graph, error) {
	if c.recording {
		panic("device: recording within a recording")
	}
	if c.err != nil {
		return 0, c.err
	}
	if c.blocking {
		return c.keep(cudaGraph{repeat: f}), nil
	}
	if err := cudaResult(C.fb_cuda_capture(c.queue)); err != nil {
		return 0, fmt.Errorf("device: start to record: %w", err)
	}
	before := c.last
	c.recording = true
	f()
	c.recording = false
	g := cudaGraph{last: c.last}
	c.last = before // nothing has run
	err := cudaResult(C.fb_cuda_instantiate(c.queue, &g.exec))
	if c.err != nil { // more telling than "capture was invalidated"
		return 0, c.err
	}
	if err != nil {
		return 0, fmt.Errorf("device: record: %w", err)
	}
	return c.keep(g), nil
}

// Play queues a recording again.
func (c *card) Play(g Graph) {
	p := &c.graphs[g-1]
	if p.repeat != nil {
		p.repeat()
		return
	}
	c.note("play a recording", cudaResult(C.fb_cuda_play(p.exec, c.queue)))
	if p.last != "" {
		c.last = p.last + " in a recording"
	}
}
