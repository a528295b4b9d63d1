// Package src holds the CUDA sources. kernels/device loads what nvcc makes of them, kernels/emu compiles the same files for the
// processor; embedding them here lets the go command know when they change.
package src

import "embed"

// Files are the sources as they were built.
//
//go:embed *.cu *.cuh *.h
var Files embed.FS
