package h5

/*
#include "fbh5.h"
*/
import "C"

import (
	"fmt"

	"gonum.org/v1/hdf5"
)

// Kind of the elements of a dataset.
type Kind int

const (
	Other    Kind = C.FBH5_OTHER
	Float    Kind = C.FBH5_FLOAT
	Signed   Kind = C.FBH5_SIGNED
	Unsigned Kind = C.FBH5_UNSIGNED
	Text     Kind = C.FBH5_STRING
)

func (k Kind) String() string {
	switch k {
	case Float:
		return "float"
	case Signed:
		return "integer"
	case Unsigned:
		return "unsigned integer"
	case Text:
		return "text"
	}
	return "something else"
}

func kindOf[T Number]() Kind {
	var zero T
	switch any(zero).(type) {
	case float32, float64:
		return Float
	case int32, int64:
		return Signed
	}
	return Unsigned
}

// Dataset describes a dataset: full name, element kind and size, shape (row-major).
type Dataset struct {
	Name  string
	Kind  Kind
	Bytes int
	Dims  []int
}

// Dataset describes one dataset of a file that was opened for reading.
func (f *File) Dataset(name string) (Dataset, error) {
	if f.opened == nil {
		panic("h5: a file that is being created cannot be inspected")
	}
	d := Dataset{Name: name}
	c, free := cstrings(name)
	defer free()
	err := f.do("inspect", name, func() C.int64_t {
		var kind, bytes C.int
		var n C.int64_t
		if C.fbh5_kind(f.id, c[0], &kind, &bytes, &n) < 0 {
			return -1
		}
		d.Kind, d.Bytes = Kind(kind), int(bytes)
		set, err := f.opened.OpenDataset(name)
		if err != nil {
			return -1
		}
		defer set.Close()
		space := set.Space()
		if space == nil {
			return -1
		}
		defer space.Close()
		dims, _, err := space.SimpleExtentDims()
		if err != nil {
			return -1
		}
		for _, k := range dims {
			d.Dims = append(d.Dims, int(k))
		}
		return 0
	})
	return d, err
}

// Has reports whether an object of this name exists; its group must.
func (f *File) Has(name string) bool {
	found := false
	_ = f.do("look for", name, func() C.int64_t {
		found = f.opened.LinkExists(name)
		return 0
	})
	return found
}

// Walk lists all groups and datasets below the root by name, groups before their members. Groups carry no shape.
func (f *File) Walk() (groups []string, sets []Dataset, err error) {
	var names []string
	err = f.do("list", "/", func() C.int64_t {
		if walk(&f.opened.CommonFG, "/", &groups, &names) != nil {
			return -1
		}
		return 0
	})
	for _, name := range names {
		d, err := f.Dataset(name)
		if err != nil {
			return nil, nil, err
		}
		sets = append(sets, d)
	}
	return groups, sets, err
}

func walk(g *hdf5.CommonFG, at string, groups, names *[]string) error {
	n, err := g.NumObjects()
	if err != nil {
		return err
	}
	for i := uint(0); i < n; i++ {
		name, err := g.ObjectNameByIndex(i)
		if err != nil {
			return err
		}
		kind, err := g.ObjectTypeByIndex(i)
		if err != nil {
			return fmt.Errorf("%s%s: %w", at, name, err)
		}
		switch kind {
		case hdf5.H5G_DATASET:
			*names = append(*names, at+name)
		case hdf5.H5G_GROUP:
			*groups = append(*groups, at+name)
			sub, err := g.OpenGroup(name)
			if err != nil {
				return err
			}
			err = walk(&sub.CommonFG, at+name+"/", groups, names)
			if cerr := sub.Close(); err == nil {
				err = cerr
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
