package plot

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// roundTicks marks about five round numbers on a linear axis, with minor marks between.
type roundTicks struct{}

func (roundTicks) Ticks(lo, hi float64) []plot.Tick { return round(lo, hi) }

func round(lo, hi float64) []plot.Tick {
	if !(lo < hi) || math.IsInf(hi-lo, 0) {
		return nil
	}
	// The step is 1, 2 or 5 times a power of ten, at least a seventh of the range.
	rough := (hi - lo) / 7
	step := math.Pow(10, math.Floor(math.Log10(rough)))
	minor := 5
	switch f := rough / step; {
	case f <= 1:
	case f <= 2:
		step, minor = 2*step, 4
	case f <= 5:
		step *= 5
	default:
		step *= 10
	}
	const slack = 1e-9 // ends that are round up to rounding still get their mark
	largest := math.Max(math.Abs(lo), math.Abs(hi))
	var ticks []plot.Tick
	m := float64(minor)
	for k := math.Ceil(lo/step*m - slack); k <= hi/step*m+slack; k++ {
		t := plot.Tick{Value: k / m * step}
		if math.Mod(k, m) == 0 {
			t.Label = short(t.Value, step, largest)
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// short writes a multiple of step with as few characters as tell it apart, with a power of ten where zeros would crowd.
func short(x, step, largest float64) string {
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	if x == 0 {
		return "0"
	}
	if largest >= 1e-2 && largest < 1e5 {
		return strconv.FormatFloat(x, 'f', digits, 64)
	}
	// Enough digits of the mantissa for the step, at least those that are not zero.
	significant := max(0, int(math.Floor(math.Log10(math.Abs(x))+1e-9)-math.Floor(math.Log10(step)+1e-9)))
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(x, 'e', significant, 64), "e")
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	e, _ := strconv.Atoi(exponent)
	return mantissa + "e" + strconv.Itoa(e)
}
