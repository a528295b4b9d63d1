// Package checkpoint keeps the state of a training so that any number of ranks can go on from it: parameters and optimiser
// state keyed by level and subdomain, never by rank, in the precision of the memory.
//
// A generation is two files: checkpoint-<step>.h5 and, written after it, the manifest checkpoint-<step>.json with the SHA-256
// of the whole data file (the format's own checksums miss some flipped bits). Both are written under temporary names, synced
// and renamed. A data file without manifest does not count; the newest two generations stay.
//
// Rank 0 writes and reads; the caller gathers, broadcasts, and holds the lock of the run's folder.
package checkpoint

import (
	"errors"
	"fmt"

	"fbpinn-mpi/io/h5"
)

// ErrNone: there is no valid checkpoint to resume from.
var ErrNone = errors.New("no valid checkpoint")

// Array is named numbers of any shape; exactly one of the slices is set. Bits are kept exactly.
type Array struct {
	Name string // letters, digits and underscores
	Dims []int  // row-major
	F32  []float32
	F64  []float64
	I64  []int64
	U64  []uint64
}

// Of wraps a slice; no dims means one axis.
func Of[T float32 | float64 | int64 | uint64](name string, v []T, dims ...int) Array {
	if len(dims) == 0 {
		dims = []int{len(v)}
	}
	a := Array{Name: name, Dims: dims}
	switch w := any(v).(type) {
	case []float32:
		a.F32 = w
	case []float64:
		a.F64 = w
	case []int64:
		a.I64 = w
	case []uint64:
		a.U64 = w
	}
	return a
}

// As returns the numbers of an array that holds them as T; another type is an error: conversion would not be bit-exact.
func As[T float32 | float64 | int64 | uint64](a Array) ([]T, error) {
	var v any
	switch {
	case a.F32 != nil:
		v = a.F32
	case a.F64 != nil:
		v = a.F64
	case a.I64 != nil:
		v = a.I64
	case a.U64 != nil:
		v = a.U64
	}
	if w, ok := v.([]T); ok {
		return w, nil
	}
	var zero T
	return nil, fmt.Errorf("checkpoint: %s holds %T, asked for %T: precision or solver of the job changed", a.Name, v, []T{zero})
}

// Level is the state of the networks of one level: row j of each array belongs to subdomain j.
type Level struct {
	Theta Array // [J][P] parameters
	M, V  Array // [J][P] first and second moments of Adam; zero Arrays where the solver keeps none
}

// Series is one column of the history so far, which a resumed run appends to.
type Series struct {
	Name   string
	Values []float64
}

// Number is a named scalar of the state of schedules and solvers.
type Number struct {
	Name  string
	Value float64
}

// Checkpoint is all that a run needs to go on as if it had not stopped.
type Checkpoint struct {
	Step      int64
	Seconds   float64 // elapsed over all runs so far
	Seed      uint64
	JobSHA256 string // of the job's text: resuming another job is the caller's error to raise
	Precision string // "float32" or "float64"
	Levels    []Level
	History   []Series
	State     []Number // schedule state
	Arrays    []Array  // anything else, e.g. the pairs of L-BFGS, free parameters

	SHA256 string // of the data file; set by Write and Latest
}

// Array returns the array of that name.
func (c *Checkpoint) Array(name string) (Array, bool) {
	for _, a := range c.Arrays {
		if a.Name == name {
			return a, true
		}
	}
	return Array{}, false
}

// Number returns the value of that name in State.
func (c *Checkpoint) Number(name string) (float64, bool) {
	for _, n := range c.State {
		if n.Name == name {
			return n.Value, true
		}
	}
	return 0, false
}

// put writes an array below group at; one that is not set is left out.
func put(f *h5.File, at string, a Array) error {
	name := at + "/" + a.Name
	switch {
	case a.F32 != nil:
		return h5.Write(f, name, a.F32, a.Dims...)
	case a.F64 != nil:
		return h5.Write(f, name, a.F64, a.Dims...)
	case a.I64 != nil:
		return h5.Write(f, name, a.I64, a.Dims...)
	case a.U64 != nil:
		return h5.Write(f, name, a.U64, a.Dims...)
	}
	return f.Err()
}

// get reads an array in the type of the file.
func get(f *h5.File, at, name string) (a Array, err error) {
	d, err := f.Dataset(at + "/" + name)
	if err != nil {
		return a, err
	}
	a.Name = name
	switch {
	case d.Kind == h5.Float && d.Bytes == 4:
		a.F32, a.Dims, err = h5.Read[float32](f, d.Name)
	case d.Kind == h5.Float:
		a.F64, a.Dims, err = h5.Read[float64](f, d.Name)
	case d.Kind == h5.Signed:
		a.I64, a.Dims, err = h5.Read[int64](f, d.Name)
	default:
		a.U64, a.Dims, err = h5.Read[uint64](f, d.Name)
	}
	return a, err
}
