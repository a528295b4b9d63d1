package watchdog

import (
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"fbpinn-mpi/mpi"
	"fbpinn-mpi/mpi/mpitest"
)

var world mpitest.World

func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) { os.Exit(world.Main(m)) }

const limit = time.Second

// pair is a rank that listens to a connection whose other end the test holds.
func pair(t *testing.T) (r *Ring, before net.Conn, lost chan error) {
	t.Helper()
	before, in := net.Pipe()
	out, next := net.Pipe()
	go func() { // somebody listens to this rank, too
		b := make([]byte, 1)
		for {
			if _, err := next.Read(b); err != nil {
				return
			}
		}
	}()
	lost = make(chan error, 1)
	r = &Ring{in: in, out: out, before: address{Rank: 3, Host: "node", PID: 7}, beat: limit / beats, stop: make(chan struct{}), spoke: make(chan struct{}),
		lost: func(err error) { lost <- err }}
	go r.speak()
	go r.listen()
	t.Cleanup(func() { before.Close(); next.Close() })
	return r, before, lost
}

// TestSilence: the neighbour is lost within the limit, however it falls silent, and with its name.
func TestSilence(t *testing.T) {
	for _, v := range []struct {
		name, says string
		end        func(c net.Conn)
	}{
		{"stopped", "gives no sign of life for 1s", func(net.Conn) {}},
		{"ended", "ended without a word", func(c net.Conn) { c.Close() }},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			r, before, lost := pair(t)
			defer r.Stop()
			for range 2 * beats { // twice the limit of signs
				if _, err := before.Write([]byte{alive}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(r.beat)
			}
			select {
			case err := <-lost:
				t.Fatalf("lost though it spoke: %v", err)
			default:
			}
			began := time.Now()
			v.end(before)
			const slack = limit // a busy machine
			select {
			case err := <-lost:
				if !strings.Contains(err.Error(), "rank 3 on node (process 7) "+v.says) {
					t.Error(err)
				}
			case <-time.After(limit + slack):
				t.Fatalf("not lost after %v", time.Since(began))
			}
		})
	}
}

// TestFarewell: a rank that ends as it should is not lost.
func TestFarewell(t *testing.T) {
	r, before, lost := pair(t)
	if _, err := before.Write([]byte{alive, farewell}); err != nil {
		t.Fatal(err)
	}
	before.Close()
	select {
	case err := <-lost:
		t.Error(err)
	case <-time.After(2 * limit):
	}
	r.Stop()
}

// TestRing: on any number of ranks, a main thread that is busy for longer than the limit is no fault, and ranks may end one by one.
func TestRing(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		lost := make(chan error, 1)
		r, err := Start(c, limit, func(err error) { lost <- err })
		if err != nil || (r == nil) != (c.Size() == 1) {
			t.Fatalf("ring %v: %v", r, err)
		}
		for began := time.Now(); c.Size() > 1 && time.Since(began) < 2*limit+time.Duration(c.Rank())*limit/4; {
		}
		r.Stop()
		select {
		case err := <-lost:
			t.Error(err)
		default:
		}
		c.Barrier()
	})
}
