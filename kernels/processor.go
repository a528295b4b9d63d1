package kernels

import "math"

// Processor is what backends that compute on the processor, at once and in host memory, share: their memory, sums and ports.
type Processor[T Real] struct{}

// Make returns memory outside the Go heap, see the function of that name.
func (Processor[T]) Make(n int) ([]T, error) {
	m, err := request[T](n)
	if err != nil {
		return nil, err
	}
	return m[:n], nil
}

func (Processor[T]) Free(v []T) { Free(v) }

func (Processor[T]) Clear(v []T) { clear(v) }

func (Processor[T]) Read(to, from []T) error { copy(to, from); return nil }

func (Processor[T]) Write(to, from []T) error { copy(to, from); return nil }

func (Processor[T]) Host() bool { return true }

// Record has nothing to gain: what f does costs nothing beside its work.
func (Processor[T]) Record(f func() error) (Recording, error) { return Direct(f), nil }

func (Processor[T]) Sync() error { return nil }

// OpenSquares sums with four chains, because one add waits for the other.
func (Processor[T]) OpenSquares(q []T, r [][]T) (Squares, error) {
	return &squares[T]{q: q, r: r, sums: make([]float64, len(r))}, nil
}

type squares[T Real] struct {
	q    []T
	r    [][]T
	sums []float64

	runs              int
	bad, plane, point int // the first run that was not finite, and where
}

func (s *squares[T]) Run() {
	s.runs++
	for e, r := range s.r {
		sum := weightedSquares(s.q, r)
		s.sums[e] = sum
		if s.bad == 0 && (math.IsNaN(sum) || math.IsInf(sum, 0)) {
			s.bad, s.plane, s.point = s.runs, e, firstNotFinite(r)
		}
	}
}

func (s *squares[T]) Sums() ([]float64, error) { return s.sums, nil }

func (s *squares[T]) NotFinite() (run, plane, point int, err error) {
	return s.bad, s.plane, s.point, nil
}

func (s *squares[T]) Close() {}

func weightedSquares[T Real](q, r []T) float64 {
	var a, b, c, d float64
	q = q[:len(r)]
	i := 0
	for ; i+4 <= len(r); i += 4 {
		a += float64(q[i]) * float64(r[i]) * float64(r[i])
		b += float64(q[i+1]) * float64(r[i+1]) * float64(r[i+1])
		c += float64(q[i+2]) * float64(r[i+2]) * float64(r[i+2])
		d += float64(q[i+3]) * float64(r[i+3]) * float64(r[i+3])
	}
	for ; i < len(r); i++ {
		a += float64(q[i]) * float64(r[i]) * float64(r[i])
	}
	return ((a + b) + (c + d)) / 2
}

// firstNotFinite is the place of the first NaN or infinity in r, or 0.
func firstNotFinite[T Real](r []T) int {
	for i := range r {
		if x := float64(r[i]); math.IsNaN(x) || math.IsInf(x, 0) {
			return i
		}
	}
	return 0
}

// OpenPort makes messages in memory outside the Go heap. One block is sent from where it lies.
func (Processor[T]) OpenPort(blocks []Block, _ bool) (Port[T], error) {
	p := &port[T]{blocks: append([]Block(nil), blocks...)}
	for _, b := range blocks {
		p.n += b.N
	}
	return p, nil
}

type port[T Real] struct {
	blocks       []Block
	n            int64
	message      []T // what to send
	pack, buffer []T // made when first needed: most ports go one way
}

func (p *port[T]) Pack(v []T) {
	if len(p.blocks) == 1 {
		p.message = v[p.blocks[0].At:][:p.n]
		return
	}
	if p.pack == nil {
		p.pack = Make[T](int(p.n))
	}
	at := int64(0)
	for _, b := range p.blocks {
		copy(p.pack[at:at+b.N], v[b.At:b.At+b.N])
		at += b.N
	}
	p.message = p.pack[:p.n]
}

func (p *port[T]) Packed() bool { return true }

func (p *port[T]) Message() ([]T, error) { return p.message, nil }

func (p *port[T]) Return(v []T) {
	if len(p.blocks) == 1 {
		return // it never left
	}
	p.spread(p.pack, v, false)
}

func (p *port[T]) Buffer() []T {
	if p.buffer == nil {
		p.buffer = Make[T](int(p.n))
	}
	return p.buffer[:p.n]
}

func (p *port[T]) Unpack(v []T, add bool) { p.spread(p.buffer, v, add) }

func (p *port[T]) spread(message, v []T, add bool) {
	at := int64(0)
	for _, b := range p.blocks {
		to, from := v[b.At:b.At+b.N], message[at:at+b.N]
		at += b.N
		if !add {
			copy(to, from)
			continue
		}
		for i, x := range from {
			to[i] += x
		}
	}
}

func (p *port[T]) Close() {
	Free(p.pack)
	Free(p.buffer)
	*p = port[T]{}
}
