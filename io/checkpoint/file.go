package checkpoint

import (
	"fmt"
	"strings"

	"fbpinn-mpi/io/h5"
)

// format is raised when files of the previous program can no longer be read.
const format = 1

// write fills the data file. Errors are sticky in f.
func (c *Checkpoint) write(f *h5.File) error {
	f.Deflate = 0 // parameters look random: compression costs time and gains little
	f.SetAttr("/", "title", "fbpinn-mpi checkpoint")
	f.SetAttr("/", "format", format)
	f.SetAttr("/", "step", c.Step)
	f.SetAttr("/", "seconds", c.Seconds)
	f.SetAttr("/", "seed", c.Seed)
	f.SetAttr("/", "job_sha256", c.JobSHA256)
	f.SetAttr("/", "precision", c.Precision)
	f.SetAttr("/", "levels", len(c.Levels))
	for l, level := range c.Levels {
		at := levelGroup(l)
		f.Group(at)
		for name, a := range map[string]Array{"theta": level.Theta, "m": level.M, "v": level.V} {
			a.Name = name
			put(f, at, a)
		}
	}
	f.Group("/history")
	names := []string{}
	for _, s := range c.History {
		names = append(names, s.Name)
		h5.Write(f, "/history/"+s.Name, s.Values)
	}
	f.SetAttr("/history", "order", strings.Join(names, " "))
	f.Group("/state")
	names = nil
	for _, n := range c.State {
		names = append(names, n.Name)
		h5.Write(f, "/state/"+n.Name, []float64{n.Value})
	}
	f.SetAttr("/state", "order", strings.Join(names, " "))
	f.Group("/arrays")
	names = nil
	for _, a := range c.Arrays {
		names = append(names, a.Name)
		put(f, "/arrays", a)
	}
	f.SetAttr("/arrays", "order", strings.Join(names, " "))
	return f.Err()
}

func levelGroup(l int) string { return fmt.Sprintf("/level_%d", l) }

// read loads a data file.
func read(path string) (*Checkpoint, error) {
	f, err := h5.Open(path)
	if err != nil {
		return nil, err
	}
	c, err := load(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return c, err
}

func load(f *h5.File) (*Checkpoint, error) {
	attrs, err := f.Attrs("/")
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{}
	var version, levels int64
	for _, a := range attrs {
		switch v := a.Value.(type) {
		case int64:
			switch a.Name {
			case "format":
				version = v
			case "step":
				c.Step = v
			case "levels":
				levels = v
			}
		case uint64:
			if a.Name == "seed" {
				c.Seed = v
			}
		case float64:
			if a.Name == "seconds" {
				c.Seconds = v
			}
		case string:
			switch a.Name {
			case "job_sha256":
				c.JobSHA256 = v
			case "precision":
				c.Precision = v
			}
		}
	}
	if version != format {
		return nil, fmt.Errorf("%s: format %d, this program reads %d", f.Path(), version, format)
	}
	for l := 0; l < int(levels); l++ {
		var level Level
		for name, to := range map[string]*Array{"theta": &level.Theta, "m": &level.M, "v": &level.V} {
			if !f.Has(levelGroup(l) + "/" + name) {
				continue
			}
			if *to, err = get(f, levelGroup(l), name); err != nil {
				return nil, err
			}
		}
		c.Levels = append(c.Levels, level)
	}
	names, err := order(f, "/history")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		v, _, err := h5.Read[float64](f, "/history/"+name)
		if err != nil {
			return nil, err
		}
		c.History = append(c.History, Series{name, v})
	}
	if names, err = order(f, "/state"); err != nil {
		return nil, err
	}
	for _, name := range names {
		v, _, err := h5.Read[float64](f, "/state/"+name)
		if err != nil {
			return nil, err
		}
		c.State = append(c.State, Number{name, v[0]})
	}
	if names, err = order(f, "/arrays"); err != nil {
		return nil, err
	}
	for _, name := range names {
		a, err := get(f, "/arrays", name)
		if err != nil {
			return nil, err
		}
		c.Arrays = append(c.Arrays, a)
	}
	return c, nil
}

// order lists the members of a group as they were written.
func order(f *h5.File, group string) ([]string, error) {
	attrs, err := f.Attrs(group)
	if err != nil {
		return nil, err
	}
	for _, a := range attrs {
		if text, ok := a.Value.(string); ok && a.Name == "order" {
			return strings.Fields(text), nil
		}
	}
	return nil, fmt.Errorf("%s: %s has no attribute order", f.Path(), group)
}
