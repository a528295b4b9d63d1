package snapshot

import (
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fbpinn-mpi/io/h5"
)

// element is a node of the side-car, in the order of the file.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []element  `xml:",any"`
	Text     string     `xml:",chardata"`
}

func (e *element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// xdmfRule is what "XDMF Model and Format", version 3, says of one element: what may stand in it and which attributes it
// has. Of the values of an attribute only those that describe a rectilinear grid of scalars at its nodes; "*" is any text.
type xdmfRule struct {
	children []string
	attrs    map[string][]string // all of them required
}

var xdmfRules = map[string]xdmfRule{
	"Xdmf":     {[]string{"Domain"}, map[string][]string{"Version": {"3.0"}}},
	"Domain":   {[]string{"Grid"}, nil},
	"Grid":     {[]string{"Topology", "Geometry", "Attribute"}, map[string][]string{"Name": {"*"}, "GridType": {"Uniform"}}},
	"Topology": {nil, map[string][]string{"TopologyType": {"2DRectMesh", "3DRectMesh"}, "Dimensions": {"*"}}},
	"Geometry": {[]string{"DataItem"}, map[string][]string{"GeometryType": {"VXVY", "VXVYVZ"}}},
	"Attribute": {[]string{"DataItem"}, map[string][]string{"Name": {"*"}, "AttributeType": {"Scalar"},
		"Center": {"Node"}}},
	"DataItem": {nil, map[string][]string{"Dimensions": {"*"}, "NumberType": {"Float"}, "Precision": {"4", "8"},
		"Format": {"XML", "HDF"}}},
}

// checkElement compares an element and all below it with the rules.
func checkElement(e *element) error {
	name := e.XMLName.Local
	rule, ok := xdmfRules[name]
	if !ok {
		return fmt.Errorf("XDMF has no element %s", name)
	}
	for _, a := range e.Attrs {
		if _, ok := rule.attrs[a.Name.Local]; !ok {
			return fmt.Errorf("%s has no attribute %s", name, a.Name.Local)
		}
	}
	for key, allowed := range rule.attrs {
		if v := e.attr(key); v == "" || allowed[0] != "*" && !slices.Contains(allowed, v) {
			return fmt.Errorf("%s has %s=%q, not one of %q", name, key, v, allowed)
		}
	}
	if name != "DataItem" && strings.TrimSpace(e.Text) != "" {
		return fmt.Errorf("text %q in %s", e.Text, name)
	}
	for i := range e.Children {
		if c := &e.Children[i]; !slices.Contains(rule.children, c.XMLName.Local) {
			return fmt.Errorf("%s in %s", c.XMLName.Local, name)
		} else if err := checkElement(c); err != nil {
			return err
		}
	}
	return nil
}

// children are those of one name.
func (e *element) children(name string) (found []*element) {
	for i := range e.Children {
		if e.Children[i].XMLName.Local == name {
			found = append(found, &e.Children[i])
		}
	}
	return found
}

// dimensions reads the attribute of that name: slowest axis first.
func (e *element) dimensions() (dims []int, product int, err error) {
	product = 1
	for _, w := range strings.Fields(e.attr("Dimensions")) {
		n, err := strconv.Atoi(w)
		if err != nil || n < 1 {
			return nil, 0, fmt.Errorf("dimensions %q", e.attr("Dimensions"))
		}
		dims, product = append(dims, n), product*n
	}
	return dims, product, nil
}

// checkItem compares a DataItem with its content: the dataset it names, or the numbers in it.
func checkItem(e *element, path string, f *h5.File) error {
	dims, product, err := e.dimensions()
	if err != nil {
		return err
	}
	if e.attr("Format") == "XML" {
		if n := len(strings.Fields(e.Text)); n != product {
			return fmt.Errorf("%d numbers for dimensions %d", n, dims)
		}
		return nil
	}
	file, name, ok := strings.Cut(strings.TrimSpace(e.Text), ":")
	if !ok || file != filepath.Base(path) {
		return fmt.Errorf("%q does not name a dataset of %s", e.Text, filepath.Base(path))
	}
	set, err := f.Dataset(name)
	if err != nil {
		return err
	}
	if set.Kind != h5.Float || strconv.Itoa(set.Bytes) != e.attr("Precision") {
		return fmt.Errorf("%s is a %v of %d bytes, not of %s", name, set.Kind, set.Bytes, e.attr("Precision"))
	}
	size := 1
	for _, n := range set.Dims {
		size *= n
	}
	if size != product {
		return fmt.Errorf("%s has shape %d, the side-car says %d", name, set.Dims, dims)
	}
	return nil
}

// checkXDMF checks a side-car's text against the rules and against the HDF5 file it describes.
func checkXDMF(text, path string) error {
	var root element
	if err := xml.Unmarshal([]byte(text), &root); err != nil {
		return err
	}
	if root.XMLName.Local != "Xdmf" {
		return fmt.Errorf("the root is %s", root.XMLName.Local)
	}
	if err := checkElement(&root); err != nil {
		return err
	}
	f, err := h5.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	domains := root.children("Domain")
	if len(domains) != 1 || len(domains[0].Children) != 1 {
		return errors.New("want one Domain with one Grid")
	}
	grid := &domains[0].Children[0]
	topologies, geometries, attributes := grid.children("Topology"), grid.children("Geometry"), grid.children("Attribute")
	if len(topologies) != 1 || len(geometries) != 1 || len(attributes) == 0 {
		return errors.New("a uniform grid has one Topology, one Geometry and here at least one Attribute")
	}
	dims, nodes, err := topologies[0].dimensions()
	if err != nil {
		return err
	}
	axes := geometries[0].Children
	if len(axes) != len(dims) || !strings.HasPrefix(topologies[0].attr("TopologyType"), strconv.Itoa(len(dims))) ||
		len(geometries[0].attr("GeometryType")) != 2*len(dims) {
		return fmt.Errorf("topology %s, geometry %s, dimensions %d, %d axes", topologies[0].attr("TopologyType"),
			geometries[0].attr("GeometryType"), dims, len(axes))
	}
	for a := range axes { // VX is the fastest axis, which the topology names last
		if _, n, err := axes[a].dimensions(); err != nil || n != dims[len(dims)-1-a] {
			return fmt.Errorf("axis %d has %d points of dimensions %d (%v)", a, n, dims, err)
		}
		if err := checkItem(&axes[a], path, f); err != nil {
			return err
		}
	}
	for _, v := range attributes {
		if len(v.Children) != 1 {
			return fmt.Errorf("attribute %s has %d DataItems", v.attr("Name"), len(v.Children))
		}
		if _, n, err := v.Children[0].dimensions(); err != nil || n != nodes {
			return fmt.Errorf("attribute %s has %d values for %d nodes (%v)", v.attr("Name"), n, nodes, err)
		}
		if err := checkItem(&v.Children[0], path, f); err != nil {
			return err
		}
	}
	return nil
}

// The side-car has the structure that XDMF prescribes and fits the datasets it names, so it stays readable also where no
// reader is at hand to try it.
func TestXDMFStructure(t *testing.T) {
	for d := 1; d <= 3; d++ {
		path := written(t, d)
		raw, err := os.ReadFile(strings.TrimSuffix(path, "h5") + "xdmf")
		if err != nil {
			t.Fatal(err)
		}
		if err := checkXDMF(string(raw), path); err != nil {
			t.Errorf("%d coordinates: %v\n%s", d, err, raw)
		}
	}
}

// The check above sees what it is there for.
func TestXDMFStructureFindsFaults(t *testing.T) {
	path := written(t, 2)
	raw, err := os.ReadFile(strings.TrimSuffix(path, "h5") + "xdmf")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new string }{
		{"</Domain>", ""}, // not XML
		{"Xdmf", "XDMF"},  // names are case sensitive
		{`Version="3.0"`, `Version="9"`},
		{`"2DRectMesh"`, `"3DRectMesh"`},
		{`"VXVY"`, `"VXVYVZ"`},
		{`Center="Node"`, `Centre="Node"`},
		{`Center="Node"`, `Center="Cell"`},
		{`Precision="8"`, `Precision="4"`},   // the dataset is of 8 bytes
		{`Dimensions="5"`, `Dimensions="4"`}, // the axis
		{`Dimensions="4 5"`, `Dimensions=""`},
		{`Topology TopologyType="2DRectMesh" Dimensions="4 5"`, `Topology TopologyType="2DRectMesh" Dimensions="5 4"`}, // fastest axis first
		{"solution.h5:/u<", "solution.h5:/v<"},
		{"solution.h5:/u<", "other.h5:/u<"},
		{"solution.h5:/u<", "solution.h5:/x<"},
	} {
		text := strings.ReplaceAll(string(raw), c.old, c.new)
		if text == string(raw) {
			t.Fatalf("no %q in the side-car", c.old)
		}
		if err := checkXDMF(text, path); err == nil {
			t.Errorf("%q for %q is not noticed", c.new, c.old)
		}
	}
}
