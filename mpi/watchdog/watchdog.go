// Package watchdog notices ranks whose process no longer runs: stopped, or lost with its node. A launcher sees a process that ends,
// not one that is stopped, and the other ranks would wait for it in MPI for ever.
//
// Every rank gives signs of life to the next one, round a ring, over a connection of its own and from a goroutine of its own.
// So the rule is about processes, not about progress: a factorisation of an hour, a large set-up, or a file system that takes its
// time never looks like a fault, and one that computes for ever is not told from one that works. A rank counts the silence of
// its neighbour only while it runs itself, so a job that is suspended as a whole, and later resumed, loses nobody.
//
// MPI calls belong to the main thread, which may be the one that waits: nothing here calls MPI once Start has returned.
package watchdog

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
)

// Ring is this rank's place in the ring: it listens to the rank before and speaks to the next.
type Ring struct {
	in, out net.Conn
	before  address
	beat    time.Duration // between signs of life
	stop    chan struct{}
	spoke   chan struct{} // closed when the last byte is out
	lost    func(error)
}

// What travels on a connection, byte by byte.
const (
	alive    = '.'
	farewell = 'x' // the rank ends, and that is all right
)

// A limit is this many beats. One less may be missing: the first of them fell due just after the rank stopped.
const beats = 5

const (
	tag      = 200             // of the addresses
	room     = 1024            // bytes of an address
	patience = 5 * time.Second // for a connection
)

// address says who and where a rank is. It travels as JSON, padded with blanks.
type address struct {
	Rank  int
	Host  string
	PID   int
	Ports []string // host:port, any of which may work
	Token []byte   // that the connection begins with: ports are open to all
}

// Start joins all ranks to the ring. From then on lost is called, at most once and on another goroutine, if the rank before gives no
// sign of life for the limit; it must end the process without MPI. An error says why this rank cannot be joined; then no rank is,
// Start returns nil on all of them, and the job can go on unwatched. Collective.
func Start(c mpi.Comm, limit time.Duration, lost func(error)) (*Ring, error) {
	if c.Size() == 1 || limit <= 0 {
		return nil, nil
	}
	r := &Ring{beat: limit / beats, lost: lost, stop: make(chan struct{}), spoke: make(chan struct{})}
	ok, err := r.join(c)
	if !ok {
		for _, c := range []net.Conn{r.in, r.out} {
			if c != nil {
				c.Close()
			}
		}
		return nil, err
	}
	go r.speak()
	go r.listen()
	return r, nil
}

// together tells whether no rank met an error.
func together(c mpi.Comm, err error) (bool, error) {
	failed := []int32{0}
	if err != nil {
		failed[0] = 1
	}
	if e := mpi.Allreduce(c, failed, mpi.Max); e != nil {
		return false, errors.Join(err, e)
	}
	return failed[0] == 0, err
}

// join makes both connections, on all ranks or on none. All dial before any accepts: the system completes connections by itself.
func (r *Ring) join(c mpi.Comm) (ok bool, err error) {
	mine, port, err := open(c)
	if port != nil {
		defer port.Close()
	}
	next, e := swap(c, mine)
	if e != nil {
		return false, e
	}
	if err == nil {
		r.out, err = dial(next, mine)
	}
	if ok, err = together(c, err); !ok {
		return false, err
	}
	r.in, r.before, err = accept(port, mine)
	return together(c, err)
}

// open listens: to this node only, where all ranks are on it.
func open(c mpi.Comm) (mine address, port net.Listener, err error) {
	mine = address{Rank: c.Rank(), Host: c.Hostname(), PID: os.Getpid(), Token: make([]byte, 16)}
	if _, err := rand.Read(mine.Token); err != nil {
		return mine, nil, fmt.Errorf("watchdog: %w", err)
	}
	at := ":0"
	if c.LocalSize() == c.Size() {
		at = "127.0.0.1:0"
	}
	if port, err = net.Listen("tcp", at); err != nil {
		return mine, nil, fmt.Errorf("watchdog: listen: %w", err)
	}
	_, number, err := net.SplitHostPort(port.Addr().String())
	if err != nil {
		return mine, port, fmt.Errorf("watchdog: %w", err)
	}
	mine.Ports = []string{net.JoinHostPort("127.0.0.1", number)}
	if c.LocalSize() == c.Size() {
		return mine, port, nil
	}
	mine.Ports = nil
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return mine, port, fmt.Errorf("watchdog: network of this node: %w", err)
	}
	const most = 8
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && len(mine.Ports) < most {
			mine.Ports = append(mine.Ports, net.JoinHostPort(n.IP.String(), number))
		}
	}
	return mine, port, nil
}

// swap tells the rank before where this one listens, and learns where the next one does.
func swap(c mpi.Comm, mine address) (next address, err error) {
	text, err := json.Marshal(mine)
	if err != nil || len(text) > room {
		return next, fmt.Errorf("watchdog: an address of %d bytes: %w", len(text), err)
	}
	out, in := kernels.Make[byte](room), kernels.Make[byte](room)
	defer kernels.Free(out)
	defer kernels.Free(in)
	copy(out, append(text, bytes.Repeat([]byte{' '}, room-len(text))...))
	var rs [2]mpi.Request
	if err := mpi.Irecv(c, in, (c.Rank()+1)%c.Size(), tag, &rs[0]); err != nil {
		return next, err
	}
	if err := mpi.Isend(c, out, (c.Rank()+c.Size()-1)%c.Size(), tag, &rs[1]); err != nil {
		return next, err
	}
	if err := mpi.WaitEach(rs[:]); err != nil {
		return next, err
	}
	return next, json.Unmarshal(in, &next)
}

// dial connects to the next rank and says who speaks.
func dial(next, mine address) (net.Conn, error) {
	failed := fmt.Errorf("watchdog: rank %d cannot reach rank %d on %s: it has no network address", mine.Rank, next.Rank, next.Host)
	for _, at := range next.Ports {
		conn, err := net.DialTimeout("tcp", at, patience/time.Duration(len(next.Ports))) // a firewall may answer nothing
		if err == nil {
			mine.Token, mine.Ports = next.Token, nil
			if err = json.NewEncoder(conn).Encode(mine); err == nil {
				return conn, nil
			}
			conn.Close()
		}
		failed = fmt.Errorf("watchdog: rank %d cannot reach rank %d on %s: %w", mine.Rank, next.Rank, next.Host, err)
	}
	return nil, failed
}

// accept waits for the connection that knows the token.
func accept(port net.Listener, mine address) (net.Conn, address, error) {
	until := time.Now().Add(patience)
	if err := port.(*net.TCPListener).SetDeadline(until); err != nil {
		return nil, address{}, fmt.Errorf("watchdog: %w", err)
	}
	for {
		conn, err := port.Accept()
		if err != nil {
			return nil, address{}, fmt.Errorf("watchdog: rank %d waits for the one before: %w", mine.Rank, err)
		}
		if err := conn.SetReadDeadline(until); err != nil {
			return nil, address{}, fmt.Errorf("watchdog: %w", err)
		}
		var who address
		if line, err := firstLine(conn); err == nil && json.Unmarshal(line, &who) == nil && bytes.Equal(who.Token, mine.Token) {
			return conn, who, nil
		}
		conn.Close() // a stranger
	}
}

// firstLine reads no further than the end of the line: what follows are signs of life.
func firstLine(conn io.Reader) (line []byte, err error) {
	one := make([]byte, 1)
	for len(line) < room {
		if _, err := io.ReadFull(conn, one); err != nil {
			return nil, err
		}
		if one[0] == '\n' {
			return line, nil
		}
		line = append(line, one[0])
	}
	return nil, errors.New("watchdog: a line without end")
}

// speak gives signs of life until Stop. A neighbour that is gone is noticed by the one that listens to it.
func (r *Ring) speak() {
	defer close(r.spoke)
	for tick := time.NewTicker(r.beat); ; {
		word := byte(alive)
		select {
		case <-tick.C:
		case <-r.stop:
			tick.Stop()
			word = farewell
		}
		_ = r.out.SetWriteDeadline(time.Now().Add(r.beat))
		_, _ = r.out.Write([]byte{word})
		if word == farewell {
			return
		}
	}
}

// listen counts beats without a sign of life. After a break of the connection, that is the time which the launcher has to end the
// others by itself and to say why.
func (r *Ring) listen() {
	words := make([]byte, 64)
	silent, broken := 0, false
	for silent < beats-1 {
		var n int
		var err error
		if !broken {
			_ = r.in.SetReadDeadline(time.Now().Add(r.beat))
			n, err = r.in.Read(words)
		}
		switch {
		case bytes.IndexByte(words[:n], farewell) >= 0 || errors.Is(err, net.ErrClosed):
			return
		case n > 0:
			silent = 0
		case errors.Is(err, os.ErrDeadlineExceeded):
			silent++
		default:
			broken = true
			select {
			case <-time.After(r.beat):
				silent++
			case <-r.stop:
				return
			}
		}
	}
	what := fmt.Sprintf("gives no sign of life for %v: it was stopped, or its node is lost", beats*r.beat)
	if broken {
		what = "ended without a word"
	}
	r.lost(fmt.Errorf("rank %d on %s (process %d) %s", r.before.Rank, r.before.Host, r.before.PID, what))
}

// Stop takes this rank out of the ring: its end is no fault from now on. It does not wait for others. A nil Ring has nothing to stop.
func (r *Ring) Stop() {
	if r == nil {
		return
	}
	close(r.stop)
	<-r.spoke
	r.in.Close()
	r.out.Close()
}
