package timeline

import (
	"testing"
	"time"
)

// TestSums: phases are told apart by row and name, sums add up, and a reset leaves events.
func TestSums(t *testing.T) {
	r := New()
	r.Keep(8)
	a, b := r.Phase(Step, "forward"), r.Phase(Step, "adjoint")
	if c := r.Phase(Exposed, "forward"); c == a || a == b || r.Phase(Step, "forward") != a || r.Phases() != 3 {
		t.Fatalf("phases %d %d %d of %d", a, b, c, r.Phases())
	}
	at := r.Now()
	time.Sleep(2 * time.Millisecond)
	at = r.Add(a, at)
	time.Sleep(time.Millisecond)
	r.Add(b, at)
	if r.Sum(a) < 2*time.Millisecond || r.Sum(b) < time.Millisecond {
		t.Errorf("sums %v and %v", r.Sum(a), r.Sum(b))
	}
	all := r.Sum(a) + r.Sum(b)
	r.Move(a, b, time.Millisecond)
	if r.Sum(a)+r.Sum(b) != all || r.Sum(b) < 2*time.Millisecond {
		t.Errorf("moved: sums %v and %v of %v", r.Sum(a), r.Sum(b), all)
	}
	events, lost := r.Events()
	if len(events) != 2 || lost != 0 || events[0].Phase != a || events[1].From != events[0].To {
		t.Errorf("events %v, %d lost", events, lost)
	}
	r.Reset()
	if r.Sum(a) != 0 || r.Sum(b) != 0 {
		t.Error("a reset leaves sums")
	}
	if events, _ := r.Events(); len(events) != 2 {
		t.Error("a reset forgets events")
	}
	if row, name := r.Name(b); row != Step || name != "adjoint" {
		t.Errorf("%s %s", row, name)
	}
}

// TestLast: of more events than there is room for, the last ones stay, in order.
func TestLast(t *testing.T) {
	r := New()
	r.Keep(3)
	var phases []Phase
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		phases = append(phases, r.Phase(Step, name))
	}
	for _, p := range phases {
		r.Add(p, r.Now())
	}
	events, lost := r.Events()
	if len(events) != 3 || lost != 2 {
		t.Fatalf("%d events, %d lost", len(events), lost)
	}
	for i, e := range events {
		if e.Phase != phases[i+2] || e.To < e.From || i > 0 && e.From < events[i-1].From {
			t.Errorf("event %d: %+v", i, e)
		}
	}
}

// TestNobody: the nil recorder takes no times and needs no questions.
func TestNobody(t *testing.T) {
	var r *Recorder
	r.Move(0, 0, time.Second)
	if p := r.Phase(Step, "a"); p != 0 || r.Now() != 0 || r.Add(p, 0) != 0 {
		t.Error("the nil recorder knows something")
	}
}

// TestAllocatesNothing: a step may take times freely.
func TestAllocatesNothing(t *testing.T) {
	r := New()
	r.Keep(16)
	p := r.Phase(Step, "a")
	if n := testing.AllocsPerRun(100, func() { r.Add(p, r.Now()) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	r := New()
	p := r.Phase(Step, "a")
	at := r.Now()
	for b.Loop() {
		at = r.Add(p, at)
	}
}
