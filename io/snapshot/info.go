package snapshot

import (
	"fmt"
	"math"
	"os"
	"strings"

	"fbpinn-mpi/io/h5"
)

// rangeLimit is the number of elements up to which Info reads a dataset to show its range.
const rangeLimit = 1 << 24

// Info describes any HDF5 file of this program, solutions and checkpoints: who made it, and what is in it.
func Info(path string) (string, error) {
	f, err := h5.Open(path)
	if err != nil {
		return "", fmt.Errorf("info: %w", err)
	}
	text, err := info(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", fmt.Errorf("info: %w", err)
	}
	return text, nil
}

func info(f *h5.File) (string, error) {
	var b strings.Builder
	b.WriteString(f.Path())
	if st, err := os.Stat(f.Path()); err == nil {
		fmt.Fprintf(&b, "  %.1f MiB", float64(st.Size())/(1<<20))
	}
	b.WriteString("\n\n")
	attrs, err := f.Attrs("/")
	if err != nil {
		return "", err
	}
	for _, a := range attrs {
		if a.Name == "coordinate_order" || a.Name == "field_order" {
			continue
		}
		fmt.Fprintf(&b, "  %-20s %s\n", a.Name, brief(a.Value))
	}
	_, sets, err := f.Walk()
	if err != nil {
		return "", err
	}
	b.WriteString("\n")
	for _, d := range sets {
		if strings.HasPrefix(d.Name, "/VTKHDF/") {
			continue // links to what is listed above
		}
		line, err := line(f, d)
		if err != nil {
			return "", err
		}
		b.WriteString(line)
	}
	return b.String(), nil
}

// brief shows a value on one line; of a text of many lines, a job say, it shows the size.
func brief(v any) string {
	s, ok := v.(string)
	if !ok {
		return fmt.Sprint(v)
	}
	if n := strings.Count(strings.TrimSpace(s), "\n"); n > 0 {
		return fmt.Sprintf("(%d lines)", n+1)
	}
	return s
}

// line describes one dataset: shape, range, units, meaning.
func line(f *h5.File, d h5.Dataset) (string, error) {
	n := 1
	for _, k := range d.Dims {
		n *= k
	}
	text := fmt.Sprintf("  %-26s %-16s %s%d", d.Name, strings.ReplaceAll(strings.Trim(fmt.Sprint(d.Dims), "[]"), " ", " x "), letter(d.Kind), 8*d.Bytes)
	if d.Kind == h5.Float && n > 0 && n <= rangeLimit {
		v, _, err := h5.Read[float64](f, d.Name)
		if err != nil {
			return "", err
		}
		lo, hi, missing := span(v)
		text += fmt.Sprintf("  %.6g .. %.6g", lo, hi)
		if missing > 0 {
			text += fmt.Sprintf(" (%d missing)", missing)
		}
	}
	units, longName, err := described(f, d.Name)
	if err != nil {
		return "", err
	}
	if units != "" && units != "1" {
		text += "  [" + units + "]"
	}
	if longName != "" && !strings.HasSuffix(d.Name, "/"+longName) {
		text += "  " + longName
	}
	return text + "\n", nil
}

func letter(k h5.Kind) string {
	switch k {
	case h5.Float:
		return "f"
	case h5.Signed:
		return "i"
	case h5.Unsigned:
		return "u"
	}
	return "?"
}

// span returns the range of the numbers in v and how many are none.
func span(v []float64) (lo, hi float64, missing int) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, x := range v {
		if math.IsNaN(x) {
			missing++
			continue
		}
		lo, hi = math.Min(lo, x), math.Max(hi, x)
	}
	return lo, hi, missing
}
