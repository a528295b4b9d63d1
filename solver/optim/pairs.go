package optim

// Pairs are the pairs in use, oldest first: with θ, the whole state of the method. They are views; copy before the next Step.
func (l *LBFGS[T]) Pairs() (s, y [][]T) {
	for k := l.pairs; k >= 1; k-- {
		p := l.place(k)
		s, y = append(s, l.s[p]), append(y, l.y[p])
	}
	return s, y
}

// SetPairs continues from saved pairs, oldest first. The next Step evaluates the objective at θ and recomputes the products; on
// the same layout all bits are those of a run without interruption.
func (l *LBFGS[T]) SetPairs(s, y [][]T) {
	if len(s) != len(y) || len(s) > l.set.Memory {
		panic("optim: more pairs than memory, or s without y")
	}
	l.Forget()
	for k := range s {
		if len(s[k]) != l.dot.n || len(y[k]) != l.dot.n {
			panic("optim: pair of another length than the parameters")
		}
		copy(l.s[k], s[k])
		copy(l.y[k], y[k])
	}
	l.pairs = len(s)
	l.head = l.pairs % l.set.Memory
}

// refill recomputes the Gram rows of restored pairs.
func (l *LBFGS[T]) refill() error {
	for k := 1; k <= l.pairs; k++ {
		p := l.place(k)
		if err := l.products([]int{p, l.set.Memory + p}); err != nil {
			return err
		}
	}
	return nil
}
