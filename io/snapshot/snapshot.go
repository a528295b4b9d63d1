// Package snapshot writes and reads RUN/solution.h5: the fields on the test grid, the history of the training, the
// decomposition and who made it all. The file opens as it is in h5py, xarray (engine h5netcdf) and ncdump; an XDMF side-car,
// and for uniform 3-D grids a group /VTKHDF, show it to ParaView and VTK.
//
// In memory a field is row-major over the coordinates in the order of the job, the last one fastest. In the file the axes are
// reversed, u[t][x] for coordinates x, t: the order of the CF conventions and of VTK. Each axis carries its coordinate as a
// dimension scale, so readers that work by name see no difference.
package snapshot

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"fbpinn-mpi/io/h5"
)

// Coord is one axis of the test grid, ascending.
type Coord struct {
	Name, Units, LongName string
	Values                []float64
}

// Field is a quantity on the grid; Data is row-major over the coordinates, the last one fastest.
type Field struct {
	Name, Units, LongName string
	Data                  []float64
}

// Series is one column of the training history. All columns have one length; NaN where a quantity was not computed. The first
// one is the axis of the others: the step.
type Series struct {
	Name, Units, LongName string
	Values                []float64
}

// Attr is one line of provenance: a string, bool, int, int64, uint64, float64, or a slice of numbers.
type Attr = h5.Attr

// Decomposition lists all subdomains of all levels: index s is one subdomain.
type Decomposition struct {
	Level  []int32   // [n], from 0
	Owner  []int32   // [n] rank; -1 = replicated on all
	Centre []float64 // [n][d], coordinates fastest
	Width  []float64 // [n][d]
}

// N is the number of subdomains.
func (d *Decomposition) N() int { return len(d.Level) }

// Box is a part of the grid's box that does not belong to the domain: lower and upper ends, one number a coordinate.
type Box struct{ Lo, Hi []float64 }

// Snapshot is the content of a solution file.
type Snapshot struct {
	Coords        []Coord
	Fields        []Field // NaN where there is no value, in removed parts
	Removed       []Box
	History       []Series
	Attrs         []Attr // on the root; kept in order on writing, sorted by name on reading
	Decomposition *Decomposition
	Linear        *Linear // nil without solvers of second order
	Overwrite     bool    // replace an existing file
}

// Attr returns the value of a root attribute, or nil.
func (s *Snapshot) Attr(name string) any {
	for _, a := range s.Attrs {
		if a.Name == name {
			return a.Value
		}
	}
	return nil
}

// Field returns the field of that name, or nil.
func (s *Snapshot) Field(name string) *Field {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return &s.Fields[i]
		}
	}
	return nil
}

// Shape is the number of grid points along each coordinate.
func (s *Snapshot) Shape() []int {
	var n []int
	for _, c := range s.Coords {
		n = append(n, len(c.Values))
	}
	return n
}

// check panics on shapes that the caller should have got right.
func (s *Snapshot) check() {
	n := 1
	for _, k := range s.Shape() {
		n *= k
	}
	for _, f := range s.Fields {
		if len(f.Data) != n {
			panic("snapshot: field does not match the grid")
		}
	}
	for _, h := range s.History {
		if len(h.Values) != len(s.History[0].Values) {
			panic("snapshot: history columns of different length")
		}
	}
	for _, b := range s.Removed {
		if len(b.Lo) != len(s.Coords) || len(b.Hi) != len(s.Coords) {
			panic("snapshot: removed box of another dimension")
		}
	}
	if d := s.Decomposition; d != nil {
		if m := d.N() * len(s.Coords); len(d.Owner) != d.N() || len(d.Centre) != m || len(d.Width) != m {
			panic("snapshot: decomposition arrays of different length")
		}
	}
	if s.Linear != nil {
		s.Linear.check()
	}
}

// Write puts s into path, and the XDMF side-car for grids of at most three axes beside it. The name appears only when the
// file is complete and on the disk. An existing file is an error that wraps os.ErrExist unless s.Overwrite is set.
func Write(path string, s *Snapshot) error {
	s.check()
	if _, err := os.Lstat(path); err == nil && !s.Overwrite {
		return fmt.Errorf("snapshot: %s: %w; give another --out, or --force to replace it", path, os.ErrExist)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("snapshot: %w", err)
	}
	if err := h5.Replace(path, func(f *h5.File) error { return s.write(f) }); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return writeXDMF(path, s)
}

// write relies on the file's sticky error: only the last one is looked at.
func (s *Snapshot) write(f *h5.File) error {
	f.SetAttr("/", "Conventions", "CF-1.10")
	for _, a := range s.Attrs {
		f.SetAttr("/", a.Name, a.Value)
	}
	var coords, fields, columns []string
	for _, c := range s.Coords {
		coords = append(coords, c.Name)
		h5.Write(f, "/"+c.Name, c.Values)
		describe(f, "/"+c.Name, c.Units, c.LongName)
		f.Scale("/" + c.Name)
	}
	shape, d := s.Shape(), len(s.Coords)
	for _, v := range s.Fields {
		fields = append(fields, v.Name)
		name := "/" + v.Name
		h5.Write(f, name, reverse(v.Data, shape), reversed(shape)...)
		describe(f, name, v.Units, v.LongName)
		if len(s.Removed) > 0 {
			f.SetAttr(name, "_FillValue", math.NaN()) // CF: what stands where no value belongs
		}
		for a := range s.Coords {
			f.Attach(name, "/"+s.Coords[a].Name, d-1-a)
		}
	}
	f.Group("/history")
	for i, h := range s.History {
		columns = append(columns, h.Name)
		name := "/history/" + h.Name
		h5.Write(f, name, h.Values)
		describe(f, name, h.Units, h.LongName)
		if i == 0 {
			f.Scale(name)
		} else {
			f.Attach(name, "/history/"+s.History[0].Name, 0)
		}
	}
	// The order of names, which listings by name lose.
	f.SetAttr("/", "coordinate_order", strings.Join(coords, " "))
	f.SetAttr("/", "field_order", strings.Join(fields, " "))
	f.SetAttr("/history", "column_order", strings.Join(columns, " "))
	if s.Decomposition != nil {
		s.writeDecomposition(f)
	}
	if len(s.Removed) > 0 {
		s.writeRemoved(f)
	}
	if s.Linear != nil {
		s.writeLinear(f)
	}
	s.writeVTKHDF(f)
	return f.Err()
}

// index counts from 0.
func index(n int) []int32 {
	v := make([]int32, n)
	for i := range v {
		v[i] = int32(i)
	}
	return v
}

// writeRemoved writes the ends of the removed boxes, [box][axis].
func (s *Snapshot) writeRemoved(f *h5.File) {
	const at = "/removed/"
	n, d := len(s.Removed), len(s.Coords)
	var lower, upper []float64
	for _, b := range s.Removed {
		lower, upper = append(lower, b.Lo...), append(upper, b.Hi...)
	}
	f.Group("/removed")
	h5.Write(f, at+"box", index(n))
	f.Scale(at + "box")
	h5.Write(f, at+"axis", index(d))
	f.Scale(at + "axis")
	for name, v := range map[string][]float64{"lower": lower, "upper": upper} {
		h5.Write(f, at+name, v, n, d)
		f.Attach(at+name, at+"box", 0)
		f.Attach(at+name, at+"axis", 1)
		f.SetAttr(at+name, "long_name", name+" ends of a box that does not belong to the domain")
	}
}

func (s *Snapshot) writeDecomposition(f *h5.File) {
	const at = "/decomposition/"
	dec, d := s.Decomposition, len(s.Coords)
	n := dec.N()
	f.Group("/decomposition")
	h5.Write(f, at+"subdomain", index(n))
	f.Scale(at + "subdomain")
	h5.Write(f, at+"axis", index(d))
	f.Scale(at + "axis")
	for name, v := range map[string][]int32{"level": dec.Level, "owner": dec.Owner} {
		h5.Write(f, at+name, v)
		f.Attach(at+name, at+"subdomain", 0)
	}
	for name, v := range map[string][]float64{"centre": dec.Centre, "width": dec.Width} {
		h5.Write(f, at+name, v, n, d)
		f.Attach(at+name, at+"subdomain", 0)
		f.Attach(at+name, at+"axis", 1)
	}
	f.SetAttr(at+"level", "long_name", "level of the subdomain, 0 = coarsest")
	f.SetAttr(at+"owner", "long_name", "rank that trains it, -1 = all")
	f.SetAttr(at+"centre", "long_name", "centre of the subdomain")
	f.SetAttr(at+"width", "long_name", "full width of its window")
}

// describe writes the CF attributes; a quantity without units has units 1.
func describe(f *h5.File, name, units, longName string) {
	if units == "" {
		units = "1"
	}
	if longName == "" {
		longName = name[strings.LastIndexByte(name, '/')+1:]
	}
	f.SetAttr(name, "units", units)
	f.SetAttr(name, "long_name", longName)
}

func reversed(shape []int) []int {
	out := make([]int, len(shape))
	for a, n := range shape {
		out[len(shape)-1-a] = n
	}
	return out
}

// reverse turns a row-major array of the shape into one with all axes reversed. Applied with the reversed shape it undoes
// itself.
func reverse(v []float64, shape []int) []float64 {
	d := len(shape)
	if d < 2 {
		return v
	}
	stride := make([]int, d) // of axis a in the result: axis 0 is fastest there
	step := 1
	for a := range shape {
		stride[a] = step
		step *= shape[a]
	}
	out := make([]float64, len(v))
	at, to := make([]int, d), 0
	for _, x := range v {
		out[to] = x
		for a := d - 1; a >= 0; a-- {
			at[a]++
			to += stride[a]
			if at[a] < shape[a] {
				break
			}
			to -= at[a] * stride[a]
			at[a] = 0
		}
	}
	return out
}
