package device

import (
	"fmt"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// Make returns n zeros in memory of the card.
func (b *Backend[T]) Make(n int) ([]T, error) {
	if n == 0 {
		return []T{}, nil
	}
	bytes := int64(n) * size[T]()
	p, err := b.driver.Alloc(bytes)
	if err != nil {
		return nil, shortage(bytes, fmt.Sprintf("an array of %d %s", n, typeName[T]()), err)
	}
	return unsafe.Slice((*T)(p), n), nil
}

// Free returns what Make gave.
func (b *Backend[T]) Free(v []T) {
	if cap(v) > 0 {
		b.driver.Free(address(v))
	}
}

// Host says no: its elements mean nothing to the processor.
func (b *Backend[T]) Host() bool { return false }

// Clear queues zeros.
func (b *Backend[T]) Clear(v []T) {
	if len(v) > 0 {
		b.driver.Zero(address(v), int64(len(v))*size[T]())
	}
}

// Read copies to host memory of any kind.
func (b *Backend[T]) Read(to, from []T) error {
	b.mayWait()
	n := min(len(to), len(from)) // as copy has it
	if err := b.staging.read(bytesOf(to[:n]), address(from)); err != nil {
		return fmt.Errorf("%s: read: %w", b.Name(), err)
	}
	return nil
}

// Write copies from host memory of any kind, which may change at once. Whatever is asked of the card later comes behind the copy.
func (b *Backend[T]) Write(to, from []T) error {
	b.mayWait()
	n := min(len(to), len(from))
	if err := b.staging.write(address(to), bytesOf(from[:n])); err != nil {
		return fmt.Errorf("%s: write: %w", b.Name(), err)
	}
	return nil
}

// shortage says what a failed allocation was for and what to do; the driver's error says what is left.
func shortage(bytes int64, what string, err error) error {
	return fmt.Errorf("device: no memory for %s (%s): %w; fewer points a rank, more ranks, or float32 need less", what, inUnits(bytes), err)
}

func inUnits(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", bytes)
}

// stagingBytes is long enough for a transfer to run at the bus's rate, short enough to pin without a thought.
const stagingBytes = 4 << 20

// staging is a piece of pinned memory through which arrays travel between host memory of any kind and the card. What is written
// takes stretches of it one after the other; when it is full, the queue has to catch up before it is used again.
type staging struct {
	driver Driver
	at     unsafe.Pointer
	used   int // bytes that copies in the queue may still read
}

// write queues a copy; from may change when it returns.
func (s *staging) write(to unsafe.Pointer, from []byte) error {
	for len(from) > 0 {
		pinned, err := s.take(len(from))
		if err != nil {
			return err
		}
		n := copy(pinned, from)
		s.driver.CopyIn(to, address(pinned), int64(n))
		to, from = unsafe.Add(to, n), from[n:]
	}
	return nil
}

// read waits for the copy.
func (s *staging) read(to []byte, from unsafe.Pointer) error {
	for len(to) > 0 {
		pinned, err := s.take(len(to))
		if err != nil {
			return err
		}
		s.driver.CopyOut(address(pinned), from, int64(len(pinned)))
		if err := s.sync(); err != nil {
			return err
		}
		n := copy(to, pinned)
		to, from = to[n:], unsafe.Add(from, n)
	}
	return nil
}

// take returns up to n bytes of pinned memory that nothing in the queue uses.
func (s *staging) take(n int) ([]byte, error) {
	if s.at == nil {
		p, err := s.driver.Pinned(stagingBytes)
		if err != nil {
			return nil, fmt.Errorf("no pinned host memory for transfers (%s): %w", inUnits(stagingBytes), err)
		}
		s.at = p
	}
	if s.used == stagingBytes {
		if err := s.sync(); err != nil {
			return nil, err
		}
	}
	n = min(n, stagingBytes-s.used)
	piece := unsafe.Slice((*byte)(unsafe.Add(s.at, s.used)), n)
	const line = 64 // of a cache
	s.used = min((s.used+n+line-1)/line*line, stagingBytes)
	return piece, nil
}

// sync waits for the queue.
func (s *staging) sync() error {
	s.used = 0
	return s.driver.Sync()
}

func (s *staging) free() {
	if s.at != nil {
		s.driver.FreePinned(s.at)
		s.at, s.used = nil, 0
	}
}

// arena is memory of the card and pinned memory that belong to one opened thing and go together. After its first error it gives
// null, so that the error need be looked at once.
type arena struct {
	staging *staging
	what    string // for errors
	card    []unsafe.Pointer
	pinned  []unsafe.Pointer
	bytes   int64 // of the card
	err     error
}

// alloc returns zeroed memory of the card; null for none.
func (a *arena) alloc(bytes int64, what string) unsafe.Pointer {
	if a.err != nil || bytes == 0 {
		return nil
	}
	p, err := a.staging.driver.Alloc(bytes)
	if err != nil {
		a.err = shortage(bytes, what+" of "+a.what, err)
		return nil
	}
	a.card, a.bytes = append(a.card, p), a.bytes+bytes
	return p
}

// pin returns zeroed pinned host memory.
func (a *arena) pin(bytes int64, what string) unsafe.Pointer {
	if a.err != nil || bytes == 0 {
		return nil
	}
	p, err := a.staging.driver.Pinned(bytes)
	if err != nil {
		a.err = fmt.Errorf("device: no pinned host memory for %s of %s (%s): %w", what, a.what, inUnits(bytes), err)
		return nil
	}
	a.pinned = append(a.pinned, p)
	return p
}

// upload copies v to new memory of the card.
func upload[S any](a *arena, v []S, what string) unsafe.Pointer {
	p := a.alloc(int64(len(v))*size[S](), what)
	if p == nil {
		return nil
	}
	if err := a.staging.write(p, bytesOf(v)); err != nil {
		a.err = fmt.Errorf("device: write %s of %s: %w", what, a.what, err)
	}
	return p
}

func (a *arena) free() {
	for _, p := range a.card {
		a.staging.driver.Free(p)
	}
	for _, p := range a.pinned {
		a.staging.driver.FreePinned(p)
	}
	a.card, a.pinned, a.bytes = nil, nil, 0
}

// bytesOf is v as it lies in memory.
func bytesOf[S any](v []S) []byte {
	return unsafe.Slice((*byte)(address(v)), int64(len(v))*size[S]())
}

// addresses of planes, as kernels read them; a nil plane is null.
func addresses[T kernels.Real](planes [][]T) []uintptr {
	at := make([]uintptr, len(planes))
	for i, v := range planes {
		at[i] = uintptr(address(v))
	}
	return at
}
