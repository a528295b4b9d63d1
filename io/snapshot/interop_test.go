package snapshot

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// python finds an interpreter: FBPINN_PYTHON, else python3.
func python() string {
	if p := os.Getenv("FBPINN_PYTHON"); p != "" {
		return p
	}
	return "python3"
}

// needs skips the test, saying so, where a tool or its modules are missing.
func needs(t *testing.T, modules ...string) {
	t.Helper()
	if out, err := exec.Command(python(), "-c", "import "+strings.Join(modules, ", ")).CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Skipf("SKIP: %s (set FBPINN_PYTHON to a Python with %s): %v %s", t.Name(), strings.Join(modules, ", "), err, lines[len(lines)-1])
	}
}

// written is a file of d coordinates. Its values name the grid point: u = 1000 i + 100 j + 10 k.
func written(t *testing.T, d int) string {
	path := filepath.Join(t.TempDir(), "solution.h5")
	coords := []Coord{axis("x", -1, 1, 5), axis("y", 0, 1, 4), axis("z", 0, 3, 3)}[:d]
	if err := Write(path, example(coords...)); err != nil {
		t.Fatal(err)
	}
	return path
}

// ask runs a script with the path and wants the last line of output to be "good".
func ask(t *testing.T, script, path string) {
	t.Helper()
	out, err := exec.Command(python(), "-c", script, path).CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "good") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestOpensInH5py(t *testing.T) {
	needs(t, "h5py", "numpy")
	ask(t, `
import h5py, sys, numpy as np
f = h5py.File(sys.argv[1], "r")
u = f["u"]
assert u.shape == (4, 5), u.shape
assert u[3, 2] == 2300 and u[0, 4] == 4000, u[...]
assert u.compression == "gzip" and u.shuffle and u.fletcher32
assert u.dims[0][0].name == "/y" and u.dims[1][0].name == "/x"
assert u.attrs["units"] == "K" and isinstance(u.attrs["units"], str)
assert u.attrs["long_name"] == "temperature"
assert f.attrs["Conventions"] == "CF-1.10" and f.attrs["config_toml"] == 'title = "ψ"\n[domain]\n'
assert f.attrs["seed"] == 7 and f.attrs["seed"].dtype == np.uint64
assert list(f["history/loss"][...]) == [3, 2, np.pi] and np.isnan(f["history/error_u"][1])
assert f["decomposition/centre"].shape == (3, 2) and list(f["decomposition/owner"][...]) == [-1, 0, 1]
print("good")
`, written(t, 2))
}

func TestOpensInXarray(t *testing.T) {
	needs(t, "xarray", "h5netcdf")
	ask(t, `
import xarray as xr, sys, warnings
warnings.simplefilter("error")
for k, path in enumerate(sys.argv[1].split(",")):
    d = xr.open_dataset(path, engine="h5netcdf")
    dims = ["x", "y", "z"][:k + 1]
    assert sorted(d.u.dims) == dims, d.u.dims
    assert list(d.x.values) == [-1, -0.5, 0, 0.5, 1]
    u = float(d.u.isel(dict(zip(dims, [3, 2, 1]))))
    assert u == [3000, 3200, 3210][k], u
    assert d.u.attrs == {"units": "K", "long_name": "temperature"}, d.u.attrs
    assert set(d.data_vars) == {"u", "u_exact", "residual_1"}, d.data_vars
    h = xr.open_dataset(path, engine="h5netcdf", group="history")
    assert list(h.step.values) == [0, 10, 20] and h.loss.dims == ("step",)
    c = xr.open_dataset(path, engine="h5netcdf", group="decomposition")
    assert c.centre.dims == ("subdomain", "axis")
    b = xr.open_dataset(path, engine="h5netcdf", group="linear/subdomains")
    assert list(b.subdomain.values) == [0, 2] and list(b.kept.values) == [3, 17]
    q = xr.open_dataset(path, engine="h5netcdf", group="linear/solves")
    assert q.gradient.dims == ("solve", "iteration") and q.gradient.values[2, 1] == 0.5 and list(q.gradient.count("iteration").values) == [3, 1, 2]
    n = xr.open_dataset(path, engine="h5netcdf", group="linear/factorisations")
    assert list(n.bytes.values) == [1e6, 2e6] and n.bytes.dims == ("step",) and n.bytes.attrs["units"] == "B"
print("good")
`, written(t, 1)+","+written(t, 2)+","+written(t, 3))
}

func TestOpensInNcdump(t *testing.T) {
	if _, err := exec.LookPath("ncdump"); err != nil {
		t.Skip("SKIP: ncdump is not installed")
	}
	out, err := exec.Command("ncdump", "-v", "u", written(t, 2)).CombinedOutput()
	for _, want := range []string{"double u(y, x)", "u:units = \"K\"", "300, 1300, 2300, 3300, 4300"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("no %q: %v\n%s", want, err, out)
		}
	}
}

// vtkCheck compares the arrays of a VTK data set with their place on the axes, which also checks the order of the axes.
const vtkCheck = `
def check(o, d):
    assert o is not None and o.GetNumberOfPoints() == [5, 20, 60][d - 1], o
    p = o.GetPointData().GetArray("u")
    assert p is not None, "no array u"
    for n in range(o.GetNumberOfPoints()):
        x, y, z = o.GetPoint(n)
        want = 1000 * round((x + 1) / 0.5) + (100 * round(y * 3) if d > 1 else 0) + (10 * round(z / 1.5) if d > 2 else 0)
        assert p.GetTuple1(n) == want, (n, x, y, z, p.GetTuple1(n), want)
    print("good")
`

func TestOpensInVTKHDF(t *testing.T) {
	needs(t, "vtkmodules.vtkIOHDF")
	ask(t, vtkCheck+`
import sys
from vtkmodules.vtkIOHDF import vtkHDFReader
r = vtkHDFReader()
r.SetFileName(sys.argv[1])
r.Update()
check(r.GetOutput(), 3)
`, written(t, 3))
}

// VTK's reader of XDMF 3 comes with ParaView (Debian, Ubuntu: python3-paraview), not with the packages of VTK alone.
func TestOpensInXdmf3(t *testing.T) {
	needs(t, "vtkmodules.vtkIOXdmf3")
	for d := 1; d <= 3; d++ {
		ask(t, vtkCheck+fmt.Sprintf(`
import sys
from vtkmodules.vtkIOXdmf3 import vtkXdmf3Reader
r = vtkXdmf3Reader()
r.SetFileName(sys.argv[1][:-2] + "xdmf")
r.Update()
o = r.GetOutputDataObject(0)
while o.IsA("vtkMultiBlockDataSet"):
    o = o.GetBlock(0)
check(o, %d)
`, d), written(t, d))
	}
}

func TestOpensInXdmf2(t *testing.T) {
	needs(t, "vtkmodules.vtkIOXdmf2")
	for d := 1; d <= 3; d++ {
		ask(t, vtkCheck+fmt.Sprintf(`
import sys
from vtkmodules.vtkIOXdmf2 import vtkXdmfReader
r = vtkXdmfReader()
r.SetFileName(sys.argv[1][:-2] + "xdmf")
r.Update()
o = r.GetOutputDataObject(0)
while o.IsA("vtkMultiBlockDataSet"):
    o = o.GetBlock(0)
check(o, %d)
`, d), written(t, d))
	}
}
