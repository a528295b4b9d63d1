package exchange

import (
	"time"
	"unsafe"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/timeline"
)

// side is one direction of an exchange: what is packed and sent, what is received and unpacked.
type side[T kernels.Real] struct {
	out, in  []parcel[T]
	requests []mpi.Request // receives of in, then sends of out
	posted   bool
	packed   bool
	sent     int // parcels of out

	clock           *timeline.Recorder
	flight, exposed timeline.Phase
	left            time.Duration // when pack began
}

// parcel is one message.
type parcel[T kernels.Real] struct {
	rank int
	n    int64
	port kernels.Port[T]
}

// add notes a neighbour; a message of no values is not sent at all.
func (s *side[T]) add(m Ports[T], rank int, send, recv []kernels.Block) error {
	for _, e := range []struct {
		blocks []kernels.Block
		to     *[]parcel[T]
	}{{send, &s.out}, {recv, &s.in}} {
		if n := total(e.blocks); n > 0 {
			port, err := m.OpenPort(e.blocks, false)
			if err != nil {
				return err
			}
			*e.to = append(*e.to, parcel[T]{rank, n, port})
		}
	}
	return nil
}

// observe takes times from now on: how long messages were under way, and how long this rank had to wait for them.
func (s *side[T]) observe(t *timeline.Recorder, what string) {
	s.clock, s.flight, s.exposed = t, t.Phase(timeline.Flight, what), t.Phase(timeline.Exposed, what)
}

func (s *side[T]) prepare() { s.requests = make([]mpi.Request, len(s.in)+len(s.out)) }

func (s *side[T]) post(c mpi.Comm, tag int) error {
	if s.posted {
		panic("exchange: posted twice without Finish")
	}
	s.posted = true
	for k := range s.in {
		p := &s.in[k]
		if err := mpi.Irecv(c, p.port.Buffer(), p.rank, tag, &s.requests[k]); err != nil {
			return err
		}
	}
	return nil
}

// pack starts to gather the messages of src; those that are ready leave.
func (s *side[T]) pack(c mpi.Comm, tag int, src []T) error {
	if !s.posted || s.packed {
		panic("exchange: Send needs one Post before it")
	}
	s.packed = true
	if len(s.requests) > 0 {
		s.left = s.clock.Now()
	}
	for k := range s.out {
		s.out[k].port.Pack(src)
	}
	return s.send(c, tag, false)
}

// send sends packed messages in order, as long as they are ready; with wait, all.
func (s *side[T]) send(c mpi.Comm, tag int, wait bool) error {
	for ; s.packed && s.sent < len(s.out); s.sent++ {
		p := &s.out[s.sent]
		if !wait && !p.port.Packed() {
			return nil
		}
		m, err := p.port.Message()
		if err != nil {
			return err
		}
		if err := mpi.Isend(c, m, p.rank, tag, &s.requests[len(s.in)+s.sent]); err != nil {
			return err
		}
	}
	return nil
}

func (s *side[T]) finish(c mpi.Comm, tag int, dst []T, add bool) error {
	if !s.packed {
		panic("exchange: Finish needs Post and Send before it")
	}
	if err := s.send(c, tag, true); err != nil {
		return err
	}
	for k := range s.in {
		at := s.clock.Now()
		if err := s.requests[k].Wait(); err != nil {
			return err
		}
		s.clock.Add(s.exposed, at)
		s.in[k].port.Unpack(dst, add)
	}
	if len(s.requests) > 0 {
		at := s.clock.Add(s.flight, s.left)
		if err := mpi.WaitEach(s.requests[len(s.in):]); err != nil {
			return err
		}
		s.clock.Add(s.exposed, at)
	}
	s.posted, s.packed, s.sent = false, false, 0
	return nil
}

func (s *side[T]) volume() Volume {
	var z T
	v := Volume{Messages: int64(len(s.out))}
	for _, p := range s.out {
		v.Bytes += p.n * int64(unsafe.Sizeof(z))
	}
	return v
}

func (s *side[T]) close() {
	if s.posted {
		panic("exchange: Close with messages under way")
	}
	for _, ps := range [][]parcel[T]{s.out, s.in} {
		for k := range ps {
			ps[k].port.Close()
		}
	}
	s.out, s.in = nil, nil
}

// merge joins blocks that continue each other and drops empty ones, so that a whole array is one block.
func merge(blocks []kernels.Block) []kernels.Block {
	var out []kernels.Block
	for _, b := range blocks {
		if b.At < 0 || b.N < 0 {
			panic("exchange: negative block")
		}
		if b.N == 0 {
			continue
		}
		if k := len(out) - 1; k >= 0 && out[k].At+out[k].N == b.At {
			out[k].N += b.N
			continue
		}
		out = append(out, b)
	}
	return out
}

func total(blocks []kernels.Block) int64 {
	n := int64(0)
	for _, b := range blocks {
		n += b.N
	}
	return n
}
