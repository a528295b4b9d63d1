package probe

import (
	"strings"
	"testing"
)

// The machine decides what Cards finds; whatever it is, the finding must be of one piece.
func TestCards(t *testing.T) {
	f := Cards()
	t.Log(f)
	if !f.Library && (f.Text == "" || f.Devices != 0) {
		t.Errorf("no driver, yet %+v", f)
	}
	if f.Library && f.Driver < 10000 {
		t.Errorf("driver version %d", f.Driver)
	}
	if f.Usable() && f.Broken() {
		t.Errorf("usable and broken: %+v", f)
	}
}

func TestString(t *testing.T) {
	for _, c := range []struct {
		f              Finding
		usable, broken bool
		text           string
	}{
		{Finding{Text: "cannot open"}, false, false, "no NVIDIA driver on this machine (cannot open)"},
		{Finding{Library: true, Code: noDevice, Text: "no device"}, false, false, "finds no card"},
		{Finding{Library: true}, false, false, "finds no card"},
		{Finding{Library: true, Code: 803, Text: "driver mismatch"}, false, true, "driver mismatch, code 803"},
		{Finding{Library: true, Devices: 4, Driver: 12040}, true, false, "4 visible card(s), driver for CUDA 12.4"},
	} {
		if c.f.Usable() != c.usable || c.f.Broken() != c.broken || !strings.Contains(c.f.String(), c.text) {
			t.Errorf("%+v: usable %v, broken %v, %q", c.f, c.f.Usable(), c.f.Broken(), c.f)
		}
	}
}
