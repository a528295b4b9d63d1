package h5

/*
#include <stdlib.h>
#include "fbh5.h"
*/
import "C"

import (
	"fmt"
	"strings"
	"unsafe"
)

// Number is an element type that files hold.
type Number interface {
	float32 | float64 | int32 | int64 | uint64 | uint8
}

// chunkBytes bounds a chunk: the library's default cache holds one such chunk of a dataset.
const chunkBytes = 1 << 20

func typeOf[T Number]() C.int {
	var zero T
	switch any(zero).(type) {
	case float32:
		return C.FBH5_F32
	case float64:
		return C.FBH5_F64
	case int32:
		return C.FBH5_I32
	case int64:
		return C.FBH5_I64
	case uint64:
		return C.FBH5_U64
	default:
		return C.FBH5_U8
	}
}

// cstrings copies Go strings for C; free releases them. A zero byte would end a C string early and is dropped.
func cstrings(s ...string) (c []*C.char, free func()) {
	for _, v := range s {
		c = append(c, C.CString(strings.ReplaceAll(v, "\x00", "")))
	}
	return c, func() {
		for _, p := range c {
			C.free(unsafe.Pointer(p))
		}
	}
}

// cdim is an extent as C sees it.
type cdim = C.uint64_t

// chunk cuts the slowest axes first until a piece fits chunkBytes.
func chunk(dims []cdim, size int) []cdim {
	piece := append([]cdim{}, dims...)
	for a := 0; a < len(piece); {
		n := cdim(size)
		for _, k := range piece {
			n *= k
		}
		switch {
		case n <= chunkBytes:
			return piece
		case piece[a] == 1:
			a++
		default:
			piece[a] = (piece[a] + 1) / 2
		}
	}
	return piece
}

// Group makes a group; its parent must exist.
func (f *File) Group(name string) error {
	c, free := cstrings(name)
	defer free()
	return f.do("make group", name, func() C.int64_t { return C.int64_t(C.fbh5_group(f.id, c[0])) })
}

// Link gives the dataset from a second name.
func (f *File) Link(from, to string) error {
	c, free := cstrings(from, to)
	defer free()
	return f.do("link", to, func() C.int64_t { return C.int64_t(C.fbh5_link(f.id, c[0], c[1])) })
}

// Write makes dataset name of shape dims (row-major; none means one axis) and fills it with v. Its group must exist. All
// datasets are chunked, shuffled, deflated and checksummed, except empty ones.
func Write[T Number](f *File, name string, v []T, dims ...int) error {
	if len(dims) == 0 {
		dims = []int{len(v)}
	}
	n := 1
	extent := make([]cdim, len(dims))
	for a, k := range dims {
		if k < 0 {
			panic("h5: negative extent")
		}
		n *= k
		extent[a] = cdim(k)
	}
	if n != len(v) {
		panic("h5: shape does not match the data")
	}
	var zero T
	var piece, at = (*cdim)(nil), unsafe.Pointer(nil)
	if n > 0 {
		piece, at = &chunk(extent, int(unsafe.Sizeof(zero)))[0], unsafe.Pointer(&v[0])
	}
	c, free := cstrings(name)
	defer free()
	return f.do("write", name, func() C.int64_t {
		return C.int64_t(C.fbh5_write(f.id, c[0], typeOf[T](), C.int(len(dims)), &extent[0], piece, C.int(f.Deflate), at, C.int64_t(n)))
	})
}

// Read returns dataset name and its shape. The file's type may be narrower than T, never wider or of another kind: no digit
// is lost silently. Byte order is converted.
func Read[T Number](f *File, name string) (v []T, dims []int, err error) {
	d, err := f.Dataset(name)
	if err != nil {
		return nil, nil, err
	}
	var zero T
	if want := kindOf[T](); d.Kind != want || d.Bytes > int(unsafe.Sizeof(zero)) {
		f.err = fmt.Errorf("h5: read %s in %s: holds %v of %d bytes, asked for %T", name, f.path, d.Kind, d.Bytes, zero)
		return nil, nil, f.err
	}
	n := 1
	for _, k := range d.Dims {
		n *= k
	}
	v = make([]T, n)
	if n == 0 {
		return v, d.Dims, nil
	}
	c, free := cstrings(name)
	defer free()
	err = f.do("read", name, func() C.int64_t {
		return C.int64_t(C.fbh5_read(f.id, c[0], typeOf[T](), unsafe.Pointer(&v[0]), C.int64_t(n)))
	})
	if err != nil {
		return nil, nil, err
	}
	return v, d.Dims, nil
}

// Scale makes the one-axis dataset name a dimension scale.
func (f *File) Scale(name string) error {
	c, free := cstrings(name, name[strings.LastIndexByte(name, '/')+1:])
	defer free()
	return f.do("make scale", name, func() C.int64_t { return C.int64_t(C.fbh5_scale(f.id, c[0], c[1])) })
}

// Attach says that axis number axis of dataset name runs along a scale.
func (f *File) Attach(name, scale string, axis int) error {
	c, free := cstrings(name, scale)
	defer free()
	return f.do("attach scale to", name, func() C.int64_t { return C.int64_t(C.fbh5_attach(f.id, c[0], c[1], C.int(axis))) })
}
