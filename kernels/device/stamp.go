package device

// stamp is a place of the queue that a host buffer waits for. Inside a recording no place can be marked: a graph that plays sets
// the stamps of its recording anew behind itself, which is late, never early.
type stamp struct {
	driver Driver
	mark   Mark
	set    bool
}

// renew moves the stamp to the end of the queue.
func (s *stamp) renew() {
	s.free()
	s.mark, s.set = s.driver.Mark(), true
}

// passed tells whether the queue has come past the stamp. Before it was first set there is nothing to wait for.
func (s *stamp) passed() bool { return !s.set || s.driver.Passed(s.mark) }

// wait waits until the queue has.
func (s *stamp) wait() error {
	if !s.set {
		return nil
	}
	return s.driver.Wait(s.mark)
}

func (s *stamp) free() {
	if s.set {
		s.driver.FreeMark(s.mark)
		s.set = false
	}
}

// stamp sets s here, or behind the graph that is being recorded.
func (b *Backend[T]) stamp(s *stamp) {
	if b.recording {
		b.stamps = append(b.stamps, s)
		return
	}
	s.renew()
}
