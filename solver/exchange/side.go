package exchange

import (
	"unsafe"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
)

// side is one direction of an exchange: what is packed and sent, what is received and unpacked.
type side[T kernels.Real] struct {
	out, in  []parcel[T]
	requests []mpi.Request // receives of in, then sends of out
	posted   bool
	sent     bool
}

// parcel is one message.
type parcel[T kernels.Real] struct {
	rank   int
	n      int64
	blocks []Block
	buf    []T // outside the Go heap; nil for a message that leaves straight from the caller's array
}

// add notes a neighbour; a message of no values is not sent at all.
func (s *side[T]) add(rank int, send, recv []Block) {
	if n := total(send); n > 0 {
		p := parcel[T]{rank: rank, n: n, blocks: send}
		if len(send) > 1 {
			p.buf = kernels.Make[T](int(n))
		}
		s.out = append(s.out, p)
	}
	if n := total(recv); n > 0 {
		s.in = append(s.in, parcel[T]{rank: rank, n: n, blocks: recv, buf: kernels.Make[T](int(n))})
	}
}

func (s *side[T]) prepare() { s.requests = make([]mpi.Request, len(s.in)+len(s.out)) }

func (s *side[T]) post(c mpi.Comm, tag int) error {
	if s.posted {
		panic("exchange: posted twice without Finish")
	}
	s.posted = true
	for k := range s.in {
		p := &s.in[k]
		if err := mpi.Irecv(c, p.buf, p.rank, tag, &s.requests[k]); err != nil {
			return err
		}
	}
	return nil
}

func (s *side[T]) send(c mpi.Comm, tag int, src []T) error {
	if !s.posted || s.sent {
		panic("exchange: Send needs one Post before it")
	}
	s.sent = true
	for k := range s.out {
		p := &s.out[k]
		if err := mpi.Isend(c, p.pack(src), p.rank, tag, &s.requests[len(s.in)+k]); err != nil {
			return err
		}
	}
	return nil
}

func (s *side[T]) finish(dst []T, add bool) error {
	if !s.sent {
		panic("exchange: Finish needs Post and Send before it")
	}
	for k := range s.in {
		if err := s.requests[k].Wait(); err != nil {
			return err
		}
		s.in[k].unpack(dst, add)
	}
	if err := mpi.WaitEach(s.requests[len(s.in):]); err != nil {
		return err
	}
	s.posted, s.sent = false, false
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
			kernels.Free(ps[k].buf)
			ps[k].buf = nil
		}
	}
}

// pack returns the message: the blocks of src end to end.
func (p *parcel[T]) pack(src []T) []T {
	if p.buf == nil {
		b := p.blocks[0]
		return src[b.At : b.At+b.N]
	}
	at := int64(0)
	for _, b := range p.blocks {
		copy(p.buf[at:at+b.N], src[b.At:b.At+b.N])
		at += b.N
	}
	return p.buf
}

// unpack spreads the message over the blocks of dst.
func (p *parcel[T]) unpack(dst []T, add bool) {
	at := int64(0)
	for _, b := range p.blocks {
		to, from := dst[b.At:b.At+b.N], p.buf[at:at+b.N]
		at += b.N
		if !add {
			copy(to, from)
			continue
		}
		for i, v := range from {
			to[i] += v
		}
	}
}

// merge joins blocks that continue each other and drops empty ones, so that a whole array is one block.
func merge(blocks []Block) []Block {
	var out []Block
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

func total(blocks []Block) int64 {
	n := int64(0)
	for _, b := range blocks {
		n += b.N
	}
	return n
}
