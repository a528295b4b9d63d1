//go:build cuda

package device

// #cgo LDFLAGS: -lcuda
// #include "cuda_calls.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"unsafe"

	"gorgonia.org/cu"
)

// card is a Driver for one NVIDIA card: its primary context and one stream. Device query, memory, stream and events go through
// cu; what cu lacks (host memory, structures as arguments, graphs) is C of our own in cuda_calls.h.
//
// All methods belong on the thread that called OpenCUDA. Only Alloc, Pinned, Record, Wait and Sync return errors; what goes wrong
// elsewhere is kept, the first with the name of its kernel, and Wait and Sync return it.
type card struct {
	device  cu.Device
	stream  cu.Stream
	queue   unsafe.Pointer // the stream, for our own C
	info    Info
	modules []unsafe.Pointer

	functions []cudaFunction      // Function is an index in it, plus one
	known     map[string]Function // 0: there is none
	events    []cu.Event          // Mark is an index in it, plus one
	spare     []Mark
	graphs    []cudaGraph // Graph is an index in it, plus one
	unused    []Graph

	err       error  // first since the last Sync
	last      string // kernel launched last
	recording bool
	blocking  bool // CUDA_LAUNCH_BLOCKING=1: wait after every launch, to name the kernel that fails
}

// Cards is the number of cards that this process may use.
func Cards() (int, error) {
	n, err := cu.NumDevices()
	if err != nil {
		return 0, fmt.Errorf("device: count the cards: %w", err)
	}
	return n, nil
}

// DescribeCUDA describes a visible card, counted from 0, without touching it. How much of its memory is free is not known then.
func DescribeCUDA(ordinal int) (Info, error) {
	c := &card{}
	if err := c.describe(ordinal); err != nil {
		return Info{}, fmt.Errorf("device: card %d: %w", ordinal, explained(err))
	}
	return c.info, nil
}

// OpenCUDA opens a visible card, counted from 0, and loads the kernels. The caller has locked its goroutine to the thread.
func OpenCUDA(ordinal int) (Driver, error) {
	c := &card{known: map[string]Function{}, blocking: os.Getenv("CUDA_LAUNCH_BLOCKING") == "1"}
	if err := c.open(ordinal); err != nil {
		return nil, fmt.Errorf("device: open card %d: %w", ordinal, explained(err))
	}
	return c, nil
}

func (c *card) open(ordinal int) (err error) {
	if err = c.describe(ordinal); err != nil {
		return err
	}
	context, err := c.device.RetainPrimaryCtx()
	if err != nil {
		return fmt.Errorf("context on %s: %w", c.info.Name, explained(err))
	}
	if err = cu.SetCurrentContext(context); err != nil {
		return err
	}
	if c.info.Free, _, err = cu.MemInfo(); err != nil {
		return err
	}
	if c.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return err
	}
	c.queue = unsafe.Pointer(c.stream.C())
	return c.load()
}

// sharedOptIn is CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, which cu does not name.
const sharedOptIn cu.DeviceAttribute = C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN

// oldest is the compute capability of the oldest cards that the kernels are compiled for, times ten.
const oldest = 80

func (c *card) describe(ordinal int) (err error) {
	if c.device, err = cu.GetDevice(ordinal); err != nil {
		return err
	}
	if c.info.Name, err = c.device.Name(); err != nil {
		return err
	}
	var u [16]C.uchar
	if err = cudaResult(C.fb_cuda_uuid(C.int(c.device), &u[0])); err != nil {
		return err
	}
	c.info.UUID = fmt.Sprintf("GPU-%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
	if c.info.Memory, err = c.device.TotalMem(); err != nil {
		return err
	}
	c.info.Driver = cu.Version()
	var major, minor, shared int
	for attribute, to := range map[cu.DeviceAttribute]*int{
		cu.MultiprocessorCount: &c.info.Processors, cu.ClockRate: &c.info.Clock, sharedOptIn: &shared,
		cu.ComputeCapabilityMajor: &major, cu.ComputeCapabilityMinor: &minor,
	} {
		if *to, err = c.device.Attribute(attribute); err != nil {
			return err
		}
	}
	c.info.SharedPerBlock = int64(shared)
	if major*10+minor < oldest {
		return fmt.Errorf("%s has compute capability %d.%d; the kernels need %.1f or newer", c.info.Name, major, minor, oldest/10.)
	}
	return nil
}

func (c *card) Info() Info { return c.info }

// Alloc returns zeroed device memory. Its error says what is left; the caller knows what the memory was for.
func (c *card) Alloc(bytes int64) (unsafe.Pointer, error) {
	p, err := cu.MemAlloc(max(bytes, 1))
	if errors.Is(err, cu.OutOfMemory) {
		free, total, e := cu.MemInfo()
		if e != nil {
			return nil, e
		}
		return nil, fmt.Errorf("asked for %d bytes, %s of %s are free on %s (%s)", bytes, inUnits(free), inUnits(total), c.info.Name, c.info.UUID)
	}
	if err != nil {
		return nil, fmt.Errorf("allocate on %s: %w", c.info.Name, explained(err))
	}
	at := *(*unsafe.Pointer)(unsafe.Pointer(&p)) // an address of the card, which Go's collector ignores
	c.Zero(at, bytes)
	return at, nil
}

// Free waits for work under way: so does the driver.
func (c *card) Free(p unsafe.Pointer) {
	if p != nil {
		c.note("free device memory", cu.MemFree(cudaAddress(p)))
	}
}

// Pinned returns zeroed host memory that the card reads and writes by itself.
func (c *card) Pinned(bytes int64) (unsafe.Pointer, error) {
	var p unsafe.Pointer
	if err := cudaResult(C.fb_cuda_host_alloc(C.size_t(max(bytes, 1)), &p)); err != nil {
		return nil, fmt.Errorf("pin %d bytes of host memory (a limit of locked memory, ulimit -l, may be too low): %w", bytes, err)
	}
	clear(unsafe.Slice((*byte)(p), bytes))
	return p, nil
}

func (c *card) FreePinned(p unsafe.Pointer) {
	if p != nil {
		c.note("free pinned memory", cu.MemFreeHost(p))
	}
}

func (c *card) Zero(p unsafe.Pointer, bytes int64) {
	if bytes > 0 {
		c.note("clear memory", cu.MemsetD8Async(cudaAddress(p), 0, bytes, c.stream))
	}
}

func (c *card) CopyIn(to, from unsafe.Pointer, bytes int64) {
	if bytes > 0 {
		c.note("copy to the card", cu.MemcpyHtoDAsync(cudaAddress(to), from, bytes, c.stream))
	}
}

func (c *card) CopyOut(to, from unsafe.Pointer, bytes int64) {
	if bytes > 0 {
		c.note("copy from the card", cu.MemcpyDtoHAsync(to, cudaAddress(from), bytes, c.stream))
	}
}

// Mark reuses freed events: making one costs as much as a launch.
func (c *card) Mark() Mark {
	if c.recording {
		panic("device: a mark cannot be recorded")
	}
	var m Mark
	if n := len(c.spare); n > 0 {
		m, c.spare = c.spare[n-1], c.spare[:n-1]
	} else {
		e, err := cu.MakeEvent(cu.DisableTiming)
		if err != nil {
			c.note("make an event", err)
			return 0 // passed; Wait tells
		}
		c.events = append(c.events, e)
		m = Mark(len(c.events))
	}
	c.note("record an event", c.events[m-1].Record(c.stream))
	return m
}

func (c *card) Passed(m Mark) bool {
	if m == 0 {
		return true
	}
	err := c.events[m-1].Query()
	if errors.Is(err, cu.NotReady) {
		return false
	}
	c.note("test an event", err)
	return true
}

func (c *card) Wait(m Mark) error {
	if m != 0 {
		c.note("wait for an event", c.events[m-1].Synchronize())
	}
	return c.err
}

func (c *card) FreeMark(m Mark) {
	if m != 0 {
		c.spare = append(c.spare, m)
	}
}

func (c *card) Sync() error {
	c.note("wait for the card", c.stream.Synchronize())
	err := c.err
	c.err = nil
	return err
}

// Close gives everything back. What fails then fails because of an error that Sync has reported.
func (c *card) Close() {
	_ = c.stream.Synchronize()
	for _, g := range c.graphs {
		if g.exec != nil {
			C.fb_cuda_forget(g.exec)
		}
	}
	for i := range c.events {
		_ = cu.DestroyEvent(&c.events[i])
	}
	for _, m := range c.modules {
		C.fb_cuda_unload(m)
	}
	_ = c.stream.Destroy()
	_ = c.device.ReleasePrimaryCtx()
}

// note keeps the first error. A kernel that fails does so after its launch, so that a later call meets its error.
func (c *card) note(what string, err error) {
	if err == nil || c.err != nil {
		return
	}
	err = explained(err)
	switch {
	case c.last == "":
		c.err = fmt.Errorf("device: %s: %w", what, err)
	case c.blocking:
		c.err = fmt.Errorf("device: %s: %w (after %s)", what, err, c.last)
	default:
		c.err = fmt.Errorf("device: %s: %w (launched last: %s; with CUDA_LAUNCH_BLOCKING=1 the kernel that failed is named)", what, err, c.last)
	}
}

// cudaResult turns a code of the driver into an error of ours.
func cudaResult(code C.int) error {
	if code == 0 {
		return nil
	}
	return &cudaError{int(code)}
}

// explained replaces an error of cu, which is the code of the driver and prints a short name at best, by one with its text.
func explained(err error) error {
	if v := reflect.ValueOf(err); v.Kind() == reflect.Int {
		return &cudaError{int(v.Int())}
	}
	return err
}

// cudaError is a code of the driver.
type cudaError struct{ code int }

func (e *cudaError) Error() string {
	return fmt.Sprintf("%s: %s", C.GoString(C.fb_cuda_name(C.int(e.code))), C.GoString(C.fb_cuda_text(C.int(e.code))))
}

func cudaAddress(p unsafe.Pointer) cu.DevicePtr { return cu.DevicePtr(uintptr(p)) }
