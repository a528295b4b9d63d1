package h5

/*
#cgo pkg-config: hdf5
#cgo LDFLAGS: -lhdf5_hl
#include <stdlib.h>
#include "fbh5.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"gonum.org/v1/hdf5"
)

// library guards libhdf5, which exists once in a process.
var library sync.Mutex

// File is an open HDF5 file: either being created or opened for reading.
type File struct {
	// Deflate is the compression level of datasets written from now on, 0 (only checksummed) to 9.
	Deflate int

	path   string
	id     C.int64_t
	opened *hdf5.File // nil for a file being created
	memory *C.fbh5_memory
	closed bool
	err    error
}

// guarded runs fn, a sequence of HDF5 calls, alone and on one thread: error stacks are per thread. A negative result becomes
// an error that carries the library's own account.
func guarded(fn func() C.int64_t) error {
	library.Lock()
	defer library.Unlock()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.fbh5_quiet()
	rc := fn()
	switch {
	case rc >= 0:
		return nil
	case rc == -2:
		return errors.New("number of elements differs from the extent in the file")
	case rc == -3:
		return errors.New("the library left no usable file")
	}
	var text [1024]C.char
	C.fbh5_error(&text[0], C.int(len(text)))
	if s := C.GoString(&text[0]); s != "" {
		return errors.New(s)
	}
	return errors.New("HDF5 reports an error without saying which")
}

// Create begins a new file, which appears on the disk with Close; it fails if the path exists.
func Create(path string) (*File, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("h5: create %s: %w", path, os.ErrExist)
	}
	f := &File{path: path, Deflate: 4}
	c, free := cstrings(path)
	defer free()
	err := guarded(func() C.int64_t {
		f.id = C.fbh5_create(c[0], &f.memory)
		return f.id
	})
	if err != nil {
		return nil, fmt.Errorf("h5: create %s: %w", path, err)
	}
	return f, nil
}

// Open opens a file for reading.
func Open(path string) (*File, error) {
	f := &File{path: path}
	err := guarded(func() C.int64_t {
		var err error
		if f.opened, err = hdf5.OpenFile(path, hdf5.F_ACC_RDONLY); err != nil {
			return -1
		}
		f.id = C.int64_t(f.opened.ID())
		return 0
	})
	if err != nil {
		return nil, fmt.Errorf("h5: open %s: %w", path, err)
	}
	return f, nil
}

// Err is the first error of any call on the file.
func (f *File) Err() error { return f.err }

// Path is the name under which the file was opened.
func (f *File) Path() string { return f.path }

// do runs one operation unless an earlier one failed, and keeps its error.
func (f *File) do(what, name string, fn func() C.int64_t) error {
	if f.closed {
		panic("h5: file used after Close")
	}
	if f.err == nil {
		if err := guarded(fn); err != nil {
			f.err = fmt.Errorf("h5: %s %s in %s: %w", what, name, f.path, err)
		}
	}
	return f.err
}

// Close ends the file and returns the first error since it was opened. On nil, a created file is complete in the system's
// cache (not yet on the disk: see Commit); on an error it does not exist. A handle left open would make the file unreadable,
// so it is an error, too.
func (f *File) Close() error {
	if f.closed {
		return f.err
	}
	f.closed = true
	var left, n C.int64_t
	var image unsafe.Pointer
	err := guarded(func() C.int64_t {
		left = C.fbh5_open_objects(f.id)
		if f.opened == nil {
			return C.int64_t(C.fbh5_finish(f.id, f.memory, &image, &n))
		}
		C.fbh5_let_go(f.id)
		if f.opened.Close() != nil {
			return -1
		}
		return 0
	})
	defer C.fbh5_free(image)
	if f.err == nil && err != nil {
		f.err = fmt.Errorf("h5: close %s: %w", f.path, err)
	}
	if f.err == nil && left != 1 {
		f.err = fmt.Errorf("h5: close %s: %d handles were left open", f.path, left-1)
	}
	if f.err == nil && f.opened == nil {
		f.err = writeNew(f.path, unsafe.Slice((*byte)(image), n))
	}
	return f.err
}

// writeNew makes a file of the bytes, all of them or none.
func writeNew(path string, b []byte) error {
	w, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("h5: %w", err)
	}
	if err = disk("write", path); err == nil {
		_, err = w.Write(b)
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(path)
		return fmt.Errorf("h5: %w", err)
	}
	return nil
}
