// Package exchange moves values between neighbouring ranks: a linear map E with its transpose, one message a neighbour each
// way.
//
// Both parallel modes of a level are this map. "Jets": a rank sums the jets of its networks at points of its neighbours and
// sends them there (forward, adding); the adjoints of those jets come back (transpose, copying). "Parameters": the owner
// copies its parameters into ghost slots of its neighbours (forward, copying); the gradients gathered there come back and are
// added (transpose, adding).
//
// With links k in ascending order of rank, S_k the selection of Send and R_k that of Recv,
//
//	forward     dst (+)= Σ_k R_kᵀ m_k,  m_k = S src on the other side
//	transpose   dst (+)= Σ_k S_kᵀ m_k,  m_k = R src on the other side
//
// and <E x, y> = <x, Eᵀ y>. The sums run in link order, so their rounding repeats; they never depend on who arrives first.
//
// A step of solver/step.go: PostForward; rim tiles; SendForward; interior tiles with Progress between batches;
// FinishForward; point stage; PostTranspose; SendTranspose; interior tiles; FinishTranspose.
package exchange

import (
	"fmt"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/timeline"
)

// Link is what one neighbour shares with this rank. Forward: my Send blocks, in order, arrive in its Recv blocks, in order; the
// block boundaries of the two sides need not match, the total lengths do. Blocks of Recv must not overlap each other.
type Link struct {
	Rank       int
	Send, Recv []kernels.Block
}

// Ports is the part of kernels.Backend that carries messages: the arrays lie in its memory.
type Ports[T kernels.Real] interface {
	OpenPort(blocks []kernels.Block, host bool) (kernels.Port[T], error)
}

// Exchange is the map E between arrays of this rank and those of its neighbours. Nothing is allocated after New.
type Exchange[T kernels.Real] struct {
	c        mpi.Comm
	tag      int // tag: forward; tag+1: transpose
	forward  side[T]
	backward side[T]
}

// New prepares the exchange; it is collective. Links ascend by rank. The ranks compare the lengths that they expect; a
// mismatch is an error that names both. tag and tag+1 must be used by no other traffic.
func New[T kernels.Real](c mpi.Comm, ports Ports[T], links []Link, tag int) (*Exchange[T], error) {
	if tag < 0 || tag+1 > c.TagUB() {
		panic("exchange: tag out of range")
	}
	for k, l := range links {
		if l.Rank < 0 || l.Rank >= c.Size() {
			panic("exchange: link to a rank that does not exist")
		}
		if k > 0 && links[k-1].Rank >= l.Rank {
			panic("exchange: links must ascend by rank")
		}
	}
	if err := handshake(c, links); err != nil {
		return nil, err
	}
	x := &Exchange[T]{c: c, tag: tag}
	for _, l := range links {
		send, recv := merge(l.Send), merge(l.Recv)
		if err := x.forward.add(ports, l.Rank, send, recv); err != nil {
			return nil, err
		}
		if err := x.backward.add(ports, l.Rank, recv, send); err != nil {
			return nil, err
		}
	}
	x.forward.prepare()
	x.backward.prepare()
	return x, nil
}

// Observe takes the times of both directions from now on, under the names of what travels: from sending to having everything, and what
// of it was spent waiting.
func (x *Exchange[T]) Observe(t *timeline.Recorder, there, back string) {
	x.forward.observe(t, there)
	x.backward.observe(t, back)
}

// handshake tells every rank what this one will send it and expects from it. One small all-to-all at the start also finds
// links that exist on one side only, where a message between the two would hang.
func handshake(c mpi.Comm, links []Link) error {
	mine, theirs := make([]int64, 2*c.Size()), make([]int64, 2*c.Size())
	for _, l := range links {
		mine[2*l.Rank], mine[2*l.Rank+1] = total(l.Send), total(l.Recv)
	}
	if err := mpi.Alltoall(c, mine, theirs); err != nil {
		return fmt.Errorf("exchange: compare lengths: %w", err)
	}
	for r := 0; r < c.Size(); r++ {
		if s, want := mine[2*r], theirs[2*r+1]; s != want {
			return fmt.Errorf("exchange: rank %d sends %d values to rank %d, which expects %d", c.Rank(), s, r, want)
		}
		if got, s := mine[2*r+1], theirs[2*r]; got != s {
			return fmt.Errorf("exchange: rank %d expects %d values from rank %d, which sends %d", c.Rank(), got, r, s)
		}
	}
	return nil
}

// PostForward posts the receives of the forward map. Early ones spare the library a copy.
func (x *Exchange[T]) PostForward() error { return x.forward.post(x.c, x.tag) }

// SendForward sends the Send blocks of src, one message a neighbour. On a processor a message that is one block leaves from src
// itself, which must not change before FinishForward returns; where packing takes time, messages leave in Progress.
func (x *Exchange[T]) SendForward(src []T) error { return x.forward.pack(x.c, x.tag, src) }

// FinishForward completes receives in link order and copies them (add: adds them) into the Recv blocks of dst; then the
// sends.
func (x *Exchange[T]) FinishForward(dst []T, add bool) error {
	return x.forward.finish(x.c, x.tag, dst, add)
}

// PostTranspose posts the receives of the transpose.
func (x *Exchange[T]) PostTranspose() error { return x.backward.post(x.c, x.tag+1) }

// SendTranspose sends the Recv blocks of src back to where they came from. As for SendForward, src must not change before
// FinishTranspose returns.
func (x *Exchange[T]) SendTranspose(src []T) error { return x.backward.pack(x.c, x.tag+1, src) }

// FinishTranspose copies (add: adds) what came back into the Send blocks of dst. A value that went to several neighbours needs
// add: copying would keep the last.
func (x *Exchange[T]) FinishTranspose(dst []T, add bool) error {
	return x.backward.finish(x.c, x.tag+1, dst, add)
}

// Progress sends what has been packed and lets the library move messages; call it between batches of tiles. What goes wrong shows
// again in Finish.
func (x *Exchange[T]) Progress() {
	_ = x.forward.send(x.c, x.tag, false)
	_ = x.backward.send(x.c, x.tag+1, false)
	mpi.Progress(x.forward.requests)
	mpi.Progress(x.backward.requests)
}

// Volume is the traffic that one step of this rank sends.
type Volume struct{ Messages, Bytes int64 }

// Forward is what the forward map sends a step.
func (x *Exchange[T]) Forward() Volume { return x.forward.volume() }

// Transpose is what the transpose sends a step.
func (x *Exchange[T]) Transpose() Volume { return x.backward.volume() }

// Close frees the buffers. No message may be under way.
func (x *Exchange[T]) Close() {
	x.forward.close()
	x.backward.close()
}
