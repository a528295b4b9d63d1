// Package probe asks whether this process could use an NVIDIA card, without linking to the driver: programs that do so do not
// even start where there is none.
package probe

// #cgo LDFLAGS: -ldl
// #include "probe.h"
import "C"

import "fmt"

// Finding is what the driver answered.
type Finding struct {
	Library bool   // libcuda.so.1 could be loaded
	Code    int    // of the driver, 0 for success
	Text    string // the driver's or the loader's explanation of a failure
	Devices int    // visible cards
	Driver  int    // newest CUDA version that the driver knows, 12040 for 12.4
}

// noDevice is the driver's code for a machine without a card.
const noDevice = 100

// Cards loads the driver and counts the visible cards. It starts the driver in this process, which takes up to a second on a
// machine with many cards.
func Cards() Finding {
	var p C.fb_probe
	C.fb_probe_cards(&p)
	return Finding{Library: p.library != 0, Code: int(p.code), Text: C.GoString(&p.text[0]), Devices: int(p.devices), Driver: int(p.driver)}
}

// Usable tells whether there is a card to compute on.
func (f Finding) Usable() bool { return f.Library && f.Code == 0 && f.Devices > 0 }

// Broken tells whether there is a driver with which something is wrong, other than that it finds no card.
func (f Finding) Broken() bool { return f.Library && f.Code != 0 && f.Code != noDevice }

// String says in a few words why there is no card to compute on, and what may help.
func (f Finding) String() string {
	switch {
	case f.Usable():
		return fmt.Sprintf("%d visible card(s), driver for CUDA %d.%d", f.Devices, f.Driver/1000, f.Driver%1000/10)
	case !f.Library:
		return "no NVIDIA driver on this machine (" + f.Text + ")"
	case f.Code == noDevice || f.Code == 0:
		return "the NVIDIA driver finds no card (is one allocated to this job? see nvidia-smi and CUDA_VISIBLE_DEVICES)"
	}
	return fmt.Sprintf("the NVIDIA driver does not start: %s, code %d (see nvidia-smi)", f.Text, f.Code)
}
