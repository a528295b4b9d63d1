package direct

import "sync"

// precedence says which tasks must be done before others. Numbers are priorities as well: of those that may run, the smallest runs
// first.
type precedence struct {
	need   []int32 // by task, how many others it waits for
	nextAt []int32 // by task, its first successor in next, [tasks+1]
	next   []int32
}

// edge: to waits for from.
type edge struct{ from, to int32 }

func newPrecedence(n int, edges []edge) precedence {
	p := precedence{make([]int32, n), make([]int32, n+1), make([]int32, len(edges))}
	for _, e := range edges {
		p.need[e.to]++
		p.nextAt[e.from+1]++
	}
	for t := range n {
		p.nextAt[t+1] += p.nextAt[t]
	}
	at := append([]int32(nil), p.nextAt...)
	for _, e := range edges {
		p.next[at[e.from]] = e.to
		at[e.from]++
	}
	return p
}

// run does every task once, on so many goroutines, and returns when all are done.
func (p *precedence) run(workers int, do func(task, worker int)) {
	var (
		mutex sync.Mutex
		wake  = sync.Cond{L: &mutex}
		need  = append([]int32(nil), p.need...)
		left  = len(need)
		ready heap
	)
	for t, n := range need {
		if n == 0 {
			ready.push(int32(t))
		}
	}
	work := func(w int) {
		mutex.Lock()
		defer mutex.Unlock()
		for left > 0 {
			if len(ready) == 0 {
				wake.Wait()
				continue
			}
			t := ready.pop()
			mutex.Unlock()
			do(int(t), w)
			mutex.Lock()
			left--
			freed := 0
			for _, n := range p.next[p.nextAt[t]:p.nextAt[t+1]] {
				if need[n]--; need[n] == 0 {
					ready.push(n)
					freed++
				}
			}
			if left == 0 || freed > 1 { // one of them is for this worker
				wake.Broadcast()
			}
		}
	}
	var others sync.WaitGroup
	for w := 1; w < workers; w++ {
		others.Go(func() { work(w) })
	}
	work(0)
	others.Wait()
}

// heap holds the tasks that may run, the smallest number on top.
type heap []int32

func (h *heap) push(t int32) {
	s := append(*h, t)
	for k := len(s) - 1; k > 0 && s[k] < s[(k-1)/2]; k = (k - 1) / 2 {
		s[k], s[(k-1)/2] = s[(k-1)/2], s[k]
	}
	*h = s
}

func (h *heap) pop() int32 {
	s := *h
	top := s[0]
	n := len(s) - 1
	s[0] = s[n]
	s = s[:n]
	for k := 0; 2*k+1 < n; {
		c := 2*k + 1
		if c+1 < n && s[c+1] < s[c] {
			c++
		}
		if s[k] <= s[c] {
			break
		}
		s[k], s[c] = s[c], s[k]
		k = c
	}
	*h = s
	return top
}
