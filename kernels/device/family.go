package device

// #include "../src/abi.h"
// #include "../src/shallow.h"
// #include "../src/deep.h"
// #include "../src/generic.h"
import "C"

import (
	"fmt"
	"math"
	"strings"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// family is one way to run networks: kernels that share a launch shape and a way to cut tiles into chunks.
type family struct {
	name                      string
	shape                     C.fb_shape
	most                      int // blocks of a launch
	forward, adjoint, tangent Function

	chunks []C.fb_chunk
	first  []int32        // chunks of a tile: see cut
	table  unsafe.Pointer // the chunks in memory of the card
}

// choose finds the kernels for a network with its jets: specialised ones where they exist and this card has the shared memory for
// them, else the generic ones. The deep tangent has a shape of its own; main and tangent are one family otherwise.
func choose[T kernels.Real](d Driver, p *C.fb_net, net kernels.Net, jets kernels.Jets) (main, tangent *family, err error) {
	bytes := C.int(size[T]())
	name, form, _ := specialised(net, jets)
	switch name {
	case "shallow":
		main = load[T](d, name, form, C.fb_shallow_shape(p, bytes), forward|adjoint|tangential)
		tangent = main
	case "deep":
		// The more points a pass, the faster; the fewer, the less shared memory. 32 and 16 are one kernel.
		for _, pass := range []int{32, 16, 8, 4} {
			form := form
			if pass <= 8 {
				form += fmt.Sprintf("_p%d", pass)
			}
			if main == nil {
				main = load[T](d, name, form, C.fb_deep_shape(p, bytes, C.int(pass), 0), forward|adjoint)
			}
			if tangent == nil {
				tangent = load[T](d, name, form, C.fb_deep_shape(p, bytes, C.int(pass), 1), tangential)
			}
		}
	}
	if main == nil || tangent == nil {
		generic := load[T](d, "generic", "", C.fb_generic_shape(p, bytes), forward|adjoint|tangential)
		if generic == nil {
			return nil, nil, fmt.Errorf("device: no kernel takes hidden layers of %v with %d jet components on a card with %s of shared memory a block",
				net.Hidden, jets.N(), inUnits(d.Info().SharedPerBlock))
		}
		if main == nil {
			main = generic
		}
		if tangent == nil {
			tangent = generic
		}
	}
	return main, tangent, nil
}

// operations that a family is asked for.
type operations int

const (
	forward operations = 1 << iota
	adjoint
	tangential
)

// load finds the kernels of a family; nil where the shape does not take the network, the card has too little shared memory, or
// this combination was not built.
func load[T kernels.Real](d Driver, name, form string, shape C.fb_shape, wanted operations) *family {
	if shape.threads == 0 || int64(shape.shared) > d.Info().SharedPerBlock {
		return nil
	}
	if shape.points <= 0 || shape.points%pairAlign != 0 {
		panic("device: chunks that are not whole warps")
	}
	f := &family{name: name, shape: shape, most: math.MaxInt32}
	if shape.scratch > 0 {
		f.most = blocksPerProcessor * max(1, d.Info().Processors)
	}
	for _, o := range []struct {
		bit  operations
		name string
		to   *Function
	}{{forward, "forward", &f.forward}, {adjoint, "adjoint", &f.adjoint}, {tangential, "tangent", &f.tangent}} {
		if wanted&o.bit == 0 {
			continue
		}
		var ok bool
		if *o.to, ok = d.Function("fb_" + name + "_" + o.name + suffix[T]() + form); !ok {
			return nil
		}
	}
	return f
}

// specialised names the family that is made for a network, and the end of its kernels' names: "_w32_d2_xx_yy" for two inputs, the
// value, its gradient, u_xx and u_yy.
func specialised(net kernels.Net, jets kernels.Jets) (name, form string, ok bool) {
	if !net.Plain() || net.Act != kernels.Tanh && net.Act != kernels.Sin || jets.Order() > 2 {
		return "", "", false
	}
	form = fmt.Sprintf("_d%d", jets.D)
	gradient := 0
	for _, m := range jets.Index {
		switch m.Order() {
		case 1:
			gradient++
		case 2:
			form += "_"
			for a, k := range m {
				form += strings.Repeat("xyzw"[a:a+1], int(k))
			}
		}
	}
	if gradient != jets.D {
		return "", "", false
	}
	if len(net.Hidden) == 1 {
		return "shallow", form, true
	}
	for _, w := range net.Hidden {
		if w != net.Hidden[0] {
			return "", "", false
		}
	}
	return "deep", fmt.Sprintf("_w%d", net.Hidden[0]) + form, true
}

// describe names an implementation, "deep w32 L2 C4"; p8 marks the frugal form with 8 points a pass.
func (f *family) describe(net kernels.Net, jets kernels.Jets) string {
	widest := 0
	for _, w := range net.Hidden {
		widest = max(widest, w)
	}
	layers := ""
	if len(net.Hidden) > 1 {
		layers = fmt.Sprintf(" L%d", len(net.Hidden))
	}
	frugal := ""
	if 0 < f.shape.pass && f.shape.pass <= 8 {
		frugal = fmt.Sprintf(" p%d", f.shape.pass)
	}
	return fmt.Sprintf("%s w%d%s C%d%s", f.name, widest, layers, jets.N(), frugal)
}

// blocksPerProcessor keep a processor busy where blocks loop over the list because each needs scratch memory.
const blocksPerProcessor = 4

// blocks is the grid for a list of n entries.
func (f *family) blocks(n int) int { return min(n, f.most) }

// start launches one of the family's kernels.
func (f *family) start(d Driver, op Function, net *C.fb_net) {
	d.Launch(op, f.blocks(int(net.entries)), int(f.shape.threads), int64(f.shape.shared), unsafe.Pointer(net), int(unsafe.Sizeof(*net)))
}
