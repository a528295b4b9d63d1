package model

import "fbpinn-mpi/mpi"

// The map θ → U and its transpose, as the tasks of a step (solver/step.go). "Inner" tiles need nothing from others. "Rim" tiles
// are those whose result or whose parameters travel: in mode Jets the tiles at neighbours' points, evaluated first so that the
// message leaves early; in mode Parameters the tiles of ghosts, evaluated last so that their parameters have time to arrive.
// The transpose runs in the opposite order. Everything else happens while messages are under way.

// StartForward clears U and sets the forward exchange going.
func (c *Cloud[T]) StartForward() error {
	clear(c.U)
	if err := c.exchange.PostForward(); err != nil {
		return err
	}
	if c.Mode == Jets {
		c.forward(c.rim)
		return c.exchange.SendForward(c.U)
	}
	return c.exchange.SendForward(c.Theta)
}

// ForwardInner evaluates replicated levels and the tiles that need nobody.
func (c *Cloud[T]) ForwardInner() { c.forward(c.inner) }

// FinishForward completes U at this rank's own points.
func (c *Cloud[T]) FinishForward() error {
	if c.Mode == Jets {
		return c.exchange.FinishForward(c.U, true)
	}
	if err := c.exchange.FinishForward(c.Theta, false); err != nil {
		return err
	}
	c.forward(c.rim)
	return nil
}

// StartAdjoint clears Grad and sets the transposed exchange going; UBar at own points is complete.
func (c *Cloud[T]) StartAdjoint() error {
	clear(c.Grad)
	if err := c.exchange.PostTranspose(); err != nil {
		return err
	}
	if c.Mode == Jets {
		return c.exchange.SendTranspose(c.UBar)
	}
	c.adjoint(c.trainRim, false)
	return c.exchange.SendTranspose(c.Grad)
}

// AdjointInner differentiates the replicated levels first and starts their sum over ranks, then the other inner tiles.
func (c *Cloud[T]) AdjointInner() error {
	c.adjoint(c.trainInner, true)
	if c.replicated > 0 && c.comm.Size() > 1 {
		if err := mpi.Iallreduce(c.comm, c.Grad[:c.replicated], mpi.Sum, &c.sum); err != nil {
			return err
		}
	}
	c.adjoint(c.trainInner, false)
	return nil
}

// FinishAdjoint completes Grad for the owned subdomains; FinishReplicated for the replicated ones. Ghosts' entries are undefined.
func (c *Cloud[T]) FinishAdjoint() error {
	if c.Mode == Parameters {
		return c.exchange.FinishTranspose(c.Grad, true)
	}
	if err := c.exchange.FinishTranspose(c.UBar, false); err != nil {
		return err
	}
	c.adjoint(c.trainRim, false)
	return nil
}

// FinishReplicated waits for the sum of the replicated levels' gradients.
func (c *Cloud[T]) FinishReplicated() error {
	if c.replicated > 0 && c.comm.Size() > 1 {
		return c.sum.Wait()
	}
	return nil
}

// Forward runs the whole forward map: U at own points.
func (c *Cloud[T]) Forward() error {
	if err := c.StartForward(); err != nil {
		return err
	}
	c.ForwardInner()
	return c.FinishForward()
}

// Adjoint runs the whole transpose: Grad of owned and replicated subdomains from UBar at own points.
func (c *Cloud[T]) Adjoint() error {
	for _, task := range []func() error{c.StartAdjoint, c.AdjointInner, c.FinishAdjoint, c.FinishReplicated} {
		if err := task(); err != nil {
			return err
		}
	}
	return nil
}

// Tangent computes U = (∂U/∂θ) dir at own points; dir has the layout of Theta, complete for owned and replicated slots, and its
// ghost part is overwritten.
func (c *Cloud[T]) Tangent(dir []T) error {
	clear(c.U)
	if err := c.exchange.PostForward(); err != nil {
		return err
	}
	run := func(lists [][]int32) {
		for l, k := range c.kernels {
			v := &c.Levels[l]
			k.Tangent(dir[v.At:v.At+len(v.Subs)*v.P], lists[l])
		}
	}
	if c.Mode == Jets {
		run(c.rim)
		if err := c.exchange.SendForward(c.U); err != nil {
			return err
		}
		run(c.inner)
		return c.exchange.FinishForward(c.U, true)
	}
	if err := c.exchange.SendForward(dir); err != nil {
		return err
	}
	run(c.inner)
	if err := c.exchange.FinishForward(dir, false); err != nil {
		return err
	}
	run(c.rim)
	return nil
}

// batch is the number of tiles between two calls of progress: about a quarter of a millisecond for the papers' networks, so
// that a message of several rounds (the all-reduce) moves on while the kernels run.
const batch = 256

// forward runs the lists level by level.
func (c *Cloud[T]) forward(lists [][]int32) {
	for l, k := range c.kernels {
		for rest := lists[l]; len(rest) > 0; {
			n := min(batch, len(rest))
			k.Forward(rest[:n])
			rest = rest[n:]
			c.progress()
		}
	}
}

func (c *Cloud[T]) adjoint(lists [][]int32, replicated bool) {
	for l, k := range c.kernels {
		if c.Levels[l].Replicated != replicated {
			continue
		}
		for rest := lists[l]; len(rest) > 0; {
			n := min(batch, len(rest))
			k.Adjoint(rest[:n])
			rest = rest[n:]
			c.progress()
		}
	}
}

// progress gives MPI, which works only inside its calls, a chance to move messages on.
func (c *Cloud[T]) progress() {
	c.exchange.Progress()
	c.sum.Test()
}

// Activate restricts evaluation and training to the subdomains for which the functions (of level and subdomain) say so; nil
// means all. It may be called between steps.
func (c *Cloud[T]) Activate(evaluate, train func(l, j int) bool) {
	keep := func(to, from [][]int32, yes func(l, j int) bool) {
		for l := range from {
			to[l] = to[l][:0]
			for _, t := range from[l] {
				if yes == nil || yes(l, c.Levels[l].Subs[c.slotOf[l][t]]) {
					to[l] = append(to[l], t)
				}
			}
		}
	}
	keep(c.inner, c.allInner, evaluate)
	keep(c.rim, c.allRim, evaluate)
	keep(c.trainInner, c.allInner, train)
	keep(c.trainRim, c.allRim, train)
}
