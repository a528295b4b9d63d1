package h5

/*
#include <stdlib.h>
#include "fbh5.h"
*/
import "C"

import "unsafe"

// Attr is a named attribute of a group or dataset. Value is a string, float64, int64, uint64 or a slice of the numbers;
// attributes of other kinds are nil when read.
type Attr struct {
	Name  string
	Value any
}

// SetAttr attaches an attribute to the group or dataset obj ("/" is the file). Besides the types of Attr it takes bool (kept
// as 0 or 1), int, float32 and slices of int. Strings become variable-length UTF-8, which readers see as text.
func (f *File) SetAttr(obj, name string, value any) error {
	switch v := value.(type) {
	case string:
		c, free := cstrings(obj, name, v)
		defer free()
		return f.do("write attribute", name, func() C.int64_t { return C.int64_t(C.fbh5_attr_str(f.id, c[0], c[1], c[2])) })
	case bool:
		b := int64(0)
		if v {
			b = 1
		}
		return setNumbers(f, obj, name, []int64{b}, 0)
	case int:
		return setNumbers(f, obj, name, []int64{int64(v)}, 0)
	case int64:
		return setNumbers(f, obj, name, []int64{v}, 0)
	case uint64:
		return setNumbers(f, obj, name, []uint64{v}, 0)
	case float32:
		return setNumbers(f, obj, name, []float64{float64(v)}, 0)
	case float64:
		return setNumbers(f, obj, name, []float64{v}, 0)
	case []int:
		w := make([]int64, len(v))
		for i, k := range v {
			w[i] = int64(k)
		}
		return setNumbers(f, obj, name, w, len(w))
	case []int64:
		return setNumbers(f, obj, name, v, len(v))
	case []uint64:
		return setNumbers(f, obj, name, v, len(v))
	case []float64:
		return setNumbers(f, obj, name, v, len(v))
	}
	panic("h5: attribute of a type that files do not hold")
}

// setNumbers writes n numbers, or one as a scalar for n = 0. An empty slice has no portable form and is left out.
func setNumbers[T Number](f *File, obj, name string, v []T, n int) error {
	if len(v) == 0 {
		return f.err
	}
	c, free := cstrings(obj, name)
	defer free()
	return f.do("write attribute", name, func() C.int64_t {
		return C.int64_t(C.fbh5_attr_num(f.id, c[0], c[1], typeOf[T](), unsafe.Pointer(&v[0]), C.int(n)))
	})
}

// SetASCII attaches a fixed-length ASCII string: VTK reads its Type attribute in this form only.
func (f *File) SetASCII(obj, name, text string) error {
	if text == "" {
		panic("h5: empty fixed-length string")
	}
	c, free := cstrings(obj, name, text)
	defer free()
	return f.do("write attribute", name, func() C.int64_t { return C.int64_t(C.fbh5_attr_ascii(f.id, c[0], c[1], c[2])) })
}

// Attrs lists the attributes of obj by name.
func (f *File) Attrs(obj string) ([]Attr, error) {
	c, free := cstrings(obj)
	defer free()
	var n C.int
	if err := f.do("list attributes of", obj, func() C.int64_t {
		n = C.fbh5_attr_count(f.id, c[0])
		return C.int64_t(n)
	}); err != nil {
		return nil, err
	}
	var out []Attr
	for i := C.int(0); i < n; i++ {
		var name [256]C.char
		var kind, bytes, count C.int
		if err := f.do("look at attributes of", obj, func() C.int64_t {
			return C.int64_t(C.fbh5_attr_at(f.id, c[0], i, &name[0], C.int(len(name)), &kind, &bytes, &count))
		}); err != nil {
			return nil, err
		}
		a := Attr{Name: C.GoString(&name[0])}
		var err error
		switch {
		case Kind(kind) == Text && count <= 1:
			a.Value, err = f.text(obj, a.Name)
		case Kind(kind) == Float && bytes <= 8:
			a.Value, err = numbers[float64](f, obj, a.Name, int(count))
		case Kind(kind) == Signed:
			a.Value, err = numbers[int64](f, obj, a.Name, int(count))
		case Kind(kind) == Unsigned:
			a.Value, err = numbers[uint64](f, obj, a.Name, int(count))
		}
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func (f *File) text(obj, name string) (any, error) {
	c, free := cstrings(obj, name)
	defer free()
	var p *C.char
	err := f.do("read attribute", name, func() C.int64_t { return C.int64_t(C.fbh5_attr_text(f.id, c[0], c[1], &p)) })
	if err != nil {
		return nil, err
	}
	defer C.fbh5_free(unsafe.Pointer(p))
	return C.GoString(p), nil
}

func numbers[T Number](f *File, obj, name string, n int) (any, error) {
	v := make([]T, max(n, 1))
	c, free := cstrings(obj, name)
	defer free()
	err := f.do("read attribute", name, func() C.int64_t {
		return C.int64_t(C.fbh5_attr_read(f.id, c[0], c[1], typeOf[T](), unsafe.Pointer(&v[0]), C.int(len(v))))
	})
	if n == 0 {
		return v[0], err
	}
	return v, err
}
