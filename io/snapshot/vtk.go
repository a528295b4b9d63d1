package snapshot

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"fbpinn-mpi/io/h5"
)

// uniformTolerance bounds how far a grid coordinate may lie from equal spacing, over the spacing, to be shown as an image:
// spacing computed from a range in float64 is off by a few ulp of the range, i.e. 1e-12 of the spacing for 10⁴ points.
const uniformTolerance = 1e-9

// spacing returns the spacing of an equally spaced axis of at least two points.
func (c Coord) spacing() (h float64, ok bool) {
	n := len(c.Values)
	if n < 2 {
		return 0, false
	}
	h = (c.Values[n-1] - c.Values[0]) / float64(n-1)
	for i, x := range c.Values {
		if !(math.Abs(x-c.Values[0]-float64(i)*h) <= uniformTolerance*h) {
			return 0, false
		}
	}
	return h, true
}

// writeVTKHDF adds the view that VTK's HDF reader understands: an image whose arrays are hard links to the fields. Only for
// uniform grids of three axes: with a single layer the reader of VTK 9.1 crashes.
func (s *Snapshot) writeVTKHDF(f *h5.File) {
	if len(s.Coords) != 3 {
		return
	}
	var extent []int
	var origin, spacing []float64
	for _, c := range s.Coords {
		h, ok := c.spacing()
		if !ok {
			return
		}
		extent = append(extent, 0, len(c.Values)-1)
		origin = append(origin, c.Values[0])
		spacing = append(spacing, h)
	}
	f.Group("/VTKHDF")
	f.SetAttr("/VTKHDF", "Version", []int{1, 0})
	f.SetASCII("/VTKHDF", "Type", "ImageData")
	f.SetAttr("/VTKHDF", "WholeExtent", extent)
	f.SetAttr("/VTKHDF", "Origin", origin)
	f.SetAttr("/VTKHDF", "Spacing", spacing)
	f.SetAttr("/VTKHDF", "Direction", []float64{1, 0, 0, 0, 1, 0, 0, 0, 1}) // without it VTK shows no arrays
	f.Group("/VTKHDF/PointData")
	for _, v := range s.Fields {
		f.Link("/"+v.Name, "/VTKHDF/PointData/"+v.Name)
	}
}

// writeXDMF describes the grid and the fields of an HDF5 file of one to three axes in XDMF 3, with references into it.
func writeXDMF(path string, s *Snapshot) error {
	d := len(s.Coords)
	if d < 1 || d > 3 || len(s.Fields) == 0 {
		return nil
	}
	file := filepath.Base(path)
	item := func(b *strings.Builder, indent, dims, name string) {
		fmt.Fprintf(b, "%s<DataItem Dimensions=\"%s\" NumberType=\"Float\" Precision=\"8\" Format=\"HDF\">%s:/%s</DataItem>\n",
			indent, dims, file, name)
	}
	// One axis becomes a grid of one row.
	topology, geometry := "2DRectMesh", "VXVY"
	if d == 3 {
		topology, geometry = "3DRectMesh", "VXVYVZ"
	}
	shape := reversed(s.Shape())
	if d == 1 {
		shape = []int{1, shape[0]}
	}
	dims := strings.Trim(fmt.Sprint(shape), "[]")
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Xdmf Version=\"3.0\">\n  <Domain>\n    <Grid Name=\"test grid\" GridType=\"Uniform\">\n")
	fmt.Fprintf(&b, "      <Topology TopologyType=\"%s\" Dimensions=\"%s\"/>\n      <Geometry GeometryType=\"%s\">\n", topology, dims, geometry)
	for _, c := range s.Coords {
		item(&b, "        ", fmt.Sprint(len(c.Values)), c.Name)
	}
	if d == 1 {
		b.WriteString("        <DataItem Dimensions=\"1\" NumberType=\"Float\" Precision=\"8\" Format=\"XML\">0</DataItem>\n")
	}
	b.WriteString("      </Geometry>\n")
	for _, v := range s.Fields {
		fmt.Fprintf(&b, "      <Attribute Name=\"%s\" AttributeType=\"Scalar\" Center=\"Node\">\n", v.Name)
		item(&b, "        ", dims, v.Name)
		b.WriteString("      </Attribute>\n")
	}
	b.WriteString("    </Grid>\n  </Domain>\n</Xdmf>\n")

	to := strings.TrimSuffix(path, filepath.Ext(path)) + ".xdmf"
	if err := h5.ReplaceStream(to, func(w io.Writer) error {
		_, err := io.WriteString(w, b.String())
		return err
	}); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}
