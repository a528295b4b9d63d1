package snapshot

import (
	"fmt"
	"strings"

	"fbpinn-mpi/io/h5"
)

// Read loads a file written by Write.
func Read(path string) (*Snapshot, error) {
	f, err := h5.Open(path)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	s, err := read(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	return s, nil
}

func read(f *h5.File) (*Snapshot, error) {
	attrs, err := f.Attrs("/")
	if err != nil {
		return nil, err
	}
	s := &Snapshot{}
	var coords, fields []string
	marked := false
	for _, a := range attrs {
		text, _ := a.Value.(string)
		switch a.Name {
		case "coordinate_order":
			coords, marked = strings.Fields(text), true
		case "field_order":
			fields = strings.Fields(text)
		case "Conventions":
		default:
			s.Attrs = append(s.Attrs, a)
		}
	}
	if !marked {
		return nil, fmt.Errorf("%s is not a solution file: it has no attribute coordinate_order", f.Path())
	}
	for _, name := range coords {
		c := Coord{Name: name}
		if c.Values, _, err = h5.Read[float64](f, "/"+name); err != nil {
			return nil, err
		}
		if c.Units, c.LongName, err = described(f, "/"+name); err != nil {
			return nil, err
		}
		s.Coords = append(s.Coords, c)
	}
	shape := s.Shape()
	for _, name := range fields {
		v, dims, err := h5.Read[float64](f, "/"+name)
		if err != nil {
			return nil, err
		}
		if fmt.Sprint(dims) != fmt.Sprint(reversed(shape)) {
			return nil, fmt.Errorf("%s: %s has shape %v on a grid of %v", f.Path(), name, dims, reversed(shape))
		}
		field := Field{Name: name, Data: reverse(v, dims)}
		if field.Units, field.LongName, err = described(f, "/"+name); err != nil {
			return nil, err
		}
		s.Fields = append(s.Fields, field)
	}
	if s.History, err = readColumns(f, "/history"); err != nil {
		return nil, err
	}
	if f.Has("/decomposition") {
		if err := s.readDecomposition(f); err != nil {
			return nil, err
		}
	}
	if f.Has("/removed") {
		if err := s.readRemoved(f); err != nil {
			return nil, err
		}
	}
	if f.Has(linearGroup) {
		if err := s.readLinear(f); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Snapshot) readRemoved(f *h5.File) error {
	lower, dims, err := h5.Read[float64](f, "/removed/lower")
	if err != nil {
		return err
	}
	upper, other, err := h5.Read[float64](f, "/removed/upper")
	if err != nil {
		return err
	}
	d := len(s.Coords)
	if len(dims) != 2 || dims[1] != d || fmt.Sprint(dims) != fmt.Sprint(other) {
		return fmt.Errorf("%s: removed boxes have shapes %v and %v in %d dimensions", f.Path(), dims, other, d)
	}
	for i := 0; i < len(lower); i += d {
		s.Removed = append(s.Removed, Box{Lo: lower[i : i+d], Hi: upper[i : i+d]})
	}
	return nil
}

// readColumns reads the series of a group in their order.
func readColumns(f *h5.File, group string) (list []Series, err error) {
	attrs, err := f.Attrs(group)
	if err != nil {
		return nil, err
	}
	for _, a := range attrs {
		text, _ := a.Value.(string)
		if a.Name != "column_order" {
			continue
		}
		for _, name := range strings.Fields(text) {
			h := Series{Name: name}
			if h.Values, _, err = h5.Read[float64](f, group+"/"+name); err != nil {
				return nil, err
			}
			if h.Units, h.LongName, err = described(f, group+"/"+name); err != nil {
				return nil, err
			}
			list = append(list, h)
		}
	}
	return list, nil
}

func (s *Snapshot) readDecomposition(f *h5.File) error {
	d := &Decomposition{}
	var err error
	for name, to := range map[string]*[]int32{"level": &d.Level, "owner": &d.Owner} {
		if *to, _, err = h5.Read[int32](f, "/decomposition/"+name); err != nil {
			return err
		}
	}
	for name, to := range map[string]*[]float64{"centre": &d.Centre, "width": &d.Width} {
		if *to, _, err = h5.Read[float64](f, "/decomposition/"+name); err != nil {
			return err
		}
	}
	s.Decomposition = d
	return nil
}

// described reads the CF attributes that describe wrote.
func described(f *h5.File, name string) (units, longName string, err error) {
	attrs, err := f.Attrs(name)
	for _, a := range attrs {
		text, _ := a.Value.(string)
		switch a.Name {
		case "units":
			units = text
		case "long_name":
			longName = text
		}
	}
	return units, longName, err
}
