//go:build amd64

package device_test

import (
	"fmt"
	"strings"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/emu"
	"fbpinn-mpi/kernels/ktest"
)

// What cards give a block: the newest of a consumer's, A100, and H100.
const (
	small  = 99 << 10
	middle = 163 << 10
	large  = 227 << 10
)

// second is the jet set with the given second derivatives, "xx yy"; none is the gradient.
func second(d int, derivatives string) kernels.Jets {
	var needs []kernels.MultiIndex
	for a := range d {
		needs = append(needs, kernels.MultiIndex{}.Plus(a))
	}
	for _, s := range strings.Fields(derivatives) {
		needs = append(needs, kernels.MultiIndex{}.Plus(int(s[0]-'x')).Plus(int(s[1]-'x')))
	}
	return kernels.NewJets(d, needs...)
}

const hessian = "xx xy xz yy yz zz"

func layers(d, w, depth, out int, act kernels.Activation) kernels.Net {
	n := kernels.Net{D: d, Out: out, Act: act}
	for range depth {
		n.Hidden = append(n.Hidden, w)
	}
	return n
}

// Networks that a card of some size takes in a frugal form, or with weights that come and go, pass the suite there, tangents
// included: even and odd numbers of layers, several outputs, weight gradients in registers, in shared memory and in scratch.
func TestFrugal(t *testing.T) {
	for _, c := range []struct {
		shared int64
		net    kernels.Net
		jets   kernels.Jets
		double bool
		name   string // of the kernel
	}{
		{small, layers(2, 64, 2, 1, kernels.Tanh), second(2, "xx yy"), false, "deep w64 L2 C5"}, // 32 points do not fit, 16 do
		{small, layers(2, 64, 5, 1, kernels.Sin), second(2, "xx"), false, "deep w64 L5 C4 p8"},
		{small, layers(2, 64, 2, 2, kernels.Tanh), second(2, "xx yy"), true, "deep w64 L2 C5 p8"},
		{small, layers(2, 128, 2, 1, kernels.Tanh), second(2, "xx"), false, "deep w128 L2 C4 p8"},
		{middle, layers(3, 64, 3, 1, kernels.Sin), second(3, "xx yy zz"), true, "deep w64 L3 C7 p8"},
		{middle, layers(2, 128, 3, 2, kernels.Tanh), second(2, "xx yy"), false, "deep w128 L3 C5 p8"},
		{middle, layers(3, 128, 2, 1, kernels.Sin), second(3, "xx yy zz"), true, "deep w128 L2 C7 p8"},
		{large, layers(1, 128, 3, 3, kernels.Tanh), second(1, "xx"), true, "deep w128 L3 C3 p8"},
		{large, layers(3, 128, 2, 1, kernels.Tanh), second(3, hessian), true, "deep w128 L2 C10 p8"},
		{large, layers(3, 64, 2, 1, kernels.Tanh), second(3, hessian), true, "deep w64 L2 C10 p8"},
		{large, layers(3, 32, 3, 1, kernels.Sin), second(3, hessian), true, "deep w32 L3 C10 p4"},
		{large, layers(3, 128, 2, 1, kernels.Tanh), second(3, hessian), false, "deep w128 L2 C10 p8"},
		{large, layers(3, 32, 2, 2, kernels.Sin), second(3, hessian), false, "deep w32 L2 C10"},
		{large, layers(2, 32, 4, 2, kernels.Sin), second(2, "xx xy yy"), true, "deep w32 L4 C6"},
		{large, layers(2, 16, 3, 1, kernels.Tanh), second(2, "xx"), false, "deep w16 L3 C4"},
	} {
		d := card(t, emu.WithShared(c.shared))
		name := fmt.Sprintf("%s/%dKiB", c.name, c.shared>>10)
		if c.double {
			suite(t, name, backend[float64](t, d), d, c.name, ktest.Case{Net: c.net, Jets: c.jets})
		} else {
			suite(t, name, backend[float32](t, d), d, c.name, ktest.Case{Net: c.net, Jets: c.jets})
		}
	}
}

// suite runs the operations on one case, which a kernel of that name takes, and no generic one.
func suite[T kernels.Real](t *testing.T, name string, b kernels.Backend[T], d *emu.Driver, want string, c ktest.Case) {
	t.Run(name, func(t *testing.T) {
		if got := opened(t, b, c); got != want+" emulated" {
			t.Errorf("kernel %q, want %q", got, want)
		}
		ktest.Forward(t, b, c)
		ktest.Adjoint(t, b, c)
		ktest.Tangent(t, b, c)
		ktest.Transpose(t, b, c)
		for kernel := range d.Launches() {
			if strings.HasPrefix(kernel, "fb_generic") {
				t.Errorf("%s ran", kernel)
			}
		}
	})
}

// opened is the name of the kernel that takes a case.
func opened[T kernels.Real](t *testing.T, b kernels.Backend[T], c ktest.Case) string {
	t.Helper()
	const points = 3
	pad := kernels.Pad(points)
	planes := make([]T, c.Net.Out*c.Jets.N()*points)
	k, err := b.Open(&kernels.Plan[T]{Net: c.Net, Jets: c.Jets, Tiles: []kernels.Tile{{N: points, Runs: 1}}, Runs: []kernels.Run{{N: points}},
		Sections: []kernels.Section{{Stride: points}}, X: make([]T, c.Net.D*pad), W: make([]T, c.Jets.N()*pad), InvSigma: make([]T, c.Net.D),
		Scale: make([]T, c.Net.Out), Shift: make([]T, c.Net.Out), Theta: make([]T, c.Net.Params()), U: planes, UBar: planes})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	return k.Name()
}

// Which networks of two hidden layers have no kernel of their own, on cards of each size.
func TestCovered(t *testing.T) {
	sets := []kernels.Jets{second(1, ""), second(1, "xx"), second(2, ""), second(2, "xx"), second(2, "yy"), second(2, "xx yy"),
		second(2, "xx xy yy"), second(3, "xx yy"), second(3, "xx yy zz"), second(3, hessian)}
	generic := map[string]bool{}
	for _, shared := range []int64{small, middle, large} {
		d := card(t, emu.WithShared(shared))
		single, double := backend[float32](t, d), backend[float64](t, d)
		for _, w := range []int{16, 32, 64, 128} {
			for _, s := range sets {
				c := ktest.Case{Net: layers(s.D, w, 2, 1, kernels.Tanh), Jets: s}
				for real, name := range map[string]string{"float32": opened(t, single, c), "float64": opened(t, double, c)} {
					if strings.HasPrefix(name, "generic") {
						generic[fmt.Sprintf("%d KiB %s w%d C%d", shared>>10, real, w, s.N())] = true
					}
				}
			}
		}
	}
	for _, expected := range []string{ // docs/architecture.md, Cards
		"163 KiB float64 w128 C10",
		"99 KiB float32 w128 C10", "99 KiB float64 w64 C10",
		"99 KiB float64 w128 C4", "99 KiB float64 w128 C5", "99 KiB float64 w128 C6", "99 KiB float64 w128 C7", "99 KiB float64 w128 C10",
	} {
		if !generic[expected] {
			t.Errorf("%s has a kernel of its own", expected)
		}
		delete(generic, expected)
	}
	for c := range generic {
		t.Errorf("%s is generic", c)
	}
}
