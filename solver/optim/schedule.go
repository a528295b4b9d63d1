package optim

import (
	"fmt"
	"math"
)

// Decay is the course of the learning rate.
type Decay int

const (
	Constant    Decay = iota // Rate
	Exponential              // Rate · Factor^(s/Every), continuous in s
	Steps                    // Rate · Factor^⌊s/Every⌋
	Cosine                   // from Rate to Floor along half a cosine over Every steps, Floor afterwards
)

var decayNames = [...]string{"constant", "exponential", "step", "cosine"}

func (d Decay) String() string { return decayNames[d] }

// DecayNames are the words that ParseDecay knows.
func DecayNames() []string { return append([]string(nil), decayNames[:]...) }

// ParseDecay finds a decay by its name.
func ParseDecay(name string) (Decay, error) {
	for d, n := range decayNames {
		if n == name {
			return Decay(d), nil
		}
	}
	return 0, fmt.Errorf("unknown decay %q: one of %v", name, DecayNames())
}

// Schedule gives the learning rate of every step. Warmup steps rise linearly to it; s in Decay counts from 0 at the first step,
// warm-up included.
type Schedule struct {
	Decay  Decay
	Rate   float64
	Factor float64 // Exponential, Steps
	Every  int     // Exponential, Steps: steps per factor; Cosine: length
	Floor  float64 // Cosine: last rate; the others never go below it
	Warmup int
	Levels []float64 // factor per level, coarse to fine; empty = 1
}

// Check reports what is wrong with the numbers, in words for the author of a job.
func (s Schedule) Check() error {
	bad := func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) || v < 0 }
	switch {
	case bad(s.Rate) || s.Rate == 0:
		return fmt.Errorf("rate %v must be a positive number", s.Rate)
	case s.Decay < 0 || int(s.Decay) >= len(decayNames):
		return fmt.Errorf("decay %d does not exist", int(s.Decay))
	case s.Decay != Constant && s.Every <= 0:
		return fmt.Errorf("decay %q needs a positive number of steps", s.Decay)
	case (s.Decay == Exponential || s.Decay == Steps) && (bad(s.Factor) || s.Factor == 0 || s.Factor > 1):
		return fmt.Errorf("decay factor %v must lie in (0, 1]", s.Factor)
	case bad(s.Floor) || s.Floor > s.Rate:
		return fmt.Errorf("last rate %v must lie between 0 and rate %v", s.Floor, s.Rate)
	case s.Warmup < 0:
		return fmt.Errorf("warm-up of %d steps must not be negative", s.Warmup)
	}
	for l, f := range s.Levels {
		if bad(f) {
			return fmt.Errorf("rate factor %v of level %d must be a number >= 0", f, l+1)
		}
	}
	return nil
}

// At is the learning rate of a step, counted from 1, on a level, counted from 0.
func (s Schedule) At(step, level int) float64 {
	k := float64(step - 1)
	r := s.Rate
	switch s.Decay {
	case Exponential:
		r *= math.Pow(s.Factor, k/float64(s.Every))
	case Steps:
		r *= math.Pow(s.Factor, float64((step-1)/s.Every))
	case Cosine:
		phase := math.Min(k/float64(s.Every), 1)
		r = s.Floor + (s.Rate-s.Floor)*0.5*(1+math.Cos(math.Pi*phase))
	}
	r = math.Max(r, s.Floor)
	if step < s.Warmup {
		r *= float64(step) / float64(s.Warmup)
	}
	if level < len(s.Levels) {
		r *= s.Levels[level]
	}
	return r
}
