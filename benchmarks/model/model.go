// Package model predicts how long a step of first order takes on many ranks, from what a rank has to do and to send and from a few
// rates of the machine:
//
//	T = W + E_f + E_a + E_r
//	W   = fixed + pair · pairs of the rank with most                       networks, point stage and update
//	E_f = max(0, M - I/3), E_a = max(0, M - 2I/3)                          what of the messages there and back shows
//	M   = Σ over neighbours of the time of a message, I = pair · pairs that need no neighbour
//	E_r = max(0, 2·⌈log₂ n⌉·α + 2·β·bytes - 2I/3)                          all-reduce of replicated levels
//
// A step spends a third of its work on the way forward and two thirds on the way back (docs/architecture.md), and messages in
// either direction travel beside what is inner there. Where no hardware moves them, as in shared memory, the ranks do it
// themselves and nothing is hidden: I counts as 0.
//
// What a rank has and sends comes from its layout (solver/model.Layout), which is built for any number of ranks without running
// them, or, for more than that is reasonable for, from Share.
package model

import (
	"math"
	"slices"
)

// Counts are what one rank of n does in a step: that of the rank with most.
type Counts struct {
	Ranks    int
	Pairs    int64
	Inner    int64 // of them, those that need nothing from others
	Messages int64 // sent, there and back together
	Bytes    int64 // in them
	Reduced  int64 // bytes in the all-reduce of replicated levels
}

// Link is how long messages take.
type Link struct {
	Alpha float64 // s a message
	Beta  float64 // s a byte
	// Samples, if any, ascend in size and take the place of Alpha and Beta between the first and the last: libraries change their
	// protocol with the size.
	Samples []Sample
}

// Sample is a measured message.
type Sample struct {
	Bytes   int64
	Seconds float64
}

// Time of one message.
func (l *Link) Time(bytes float64) float64 {
	n := len(l.Samples)
	if n == 0 {
		return l.Alpha + l.Beta*bytes
	}
	k := slices.IndexFunc(l.Samples, func(s Sample) bool { return float64(s.Bytes) >= bytes })
	switch {
	case k == 0:
		return l.Samples[0].Seconds
	case k < 0: // as fast as between the last two
		k = n - 1
	}
	a, b := l.Samples[k-1], l.Samples[k]
	return a.Seconds + (b.Seconds-a.Seconds)*(bytes-float64(a.Bytes))/float64(b.Bytes-a.Bytes)
}

// Machine is what ranks run on.
type Machine struct {
	Name  string
	Pair  float64 // s a pair, one rank busy
	Busy  float64 // the same while all ranks of a node are busy; 0: as Pair
	Node  int     // ranks of a node
	Fixed float64 // s a step: starting the work
	Link  Link
	Hides bool // messages travel while ranks compute
}

// Time is the prediction of a step, in seconds.
type Time struct {
	Work    float64
	Sent    float64 // messages, whether hidden or not
	Exposed float64
}

// Total is the step.
func (t Time) Total() float64 { return t.Work + t.Exposed }

// pair is the rate with so many ranks on a node.
func (m *Machine) pair(ranks int) float64 {
	if m.Busy == 0 || m.Node < 2 {
		return m.Pair
	}
	share := float64(min(ranks, m.Node)-1) / float64(m.Node-1)
	return m.Pair + (m.Busy-m.Pair)*share
}

// Step predicts a step.
func (m *Machine) Step(c Counts) Time {
	pair := m.pair(c.Ranks)
	t := Time{Work: m.Fixed + pair*float64(c.Pairs)}
	if c.Ranks == 1 {
		return t
	}
	inner := 0.0
	if m.Hides {
		inner = pair * float64(c.Inner)
	}
	way := 0.0 // in either direction
	if c.Messages > 0 {
		way = float64(c.Messages) / 2 * m.Link.Time(float64(c.Bytes)/float64(c.Messages))
	}
	reduce := 0.0
	if c.Reduced > 0 { // as reduce-scatter and all-gather, Rabenseifner 2004
		rounds := 2 * math.Ceil(math.Log2(float64(c.Ranks)))
		reduce = rounds * m.Link.Time(2*float64(c.Reduced)/rounds)
	}
	t.Sent = 2*way + reduce
	t.Exposed = max(0, way-inner/3) + max(0, way-2*inner/3) + max(0, reduce-2*inner/3)
	return t
}
