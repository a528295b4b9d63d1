package model

import (
	"fmt"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
)

// The map θ → U and its transpose, as the tasks of a step (solver/step.go). "Inner" tiles need nothing from others. "Rim" tiles
// are those whose result or whose parameters travel: in mode Jets the tiles at neighbours' points, evaluated first so that the
// message leaves early; in mode Parameters the tiles of ghosts, evaluated last so that their parameters have time to arrive.
// The transpose runs in the opposite order. Everything else happens while messages are under way.

// StartForward clears U and sets the forward exchange going.
func (c *Cloud[T]) StartForward() error {
	c.backend.Clear(c.U)
	if err := c.exchange.PostForward(); err != nil {
		return err
	}
	if c.Mode == Jets {
		c.forwardRim()
		return c.exchange.SendForward(c.U)
	}
	return c.exchange.SendForward(c.Theta)
}

// ForwardInner evaluates replicated levels and the tiles that need nobody.
func (c *Cloud[T]) ForwardInner() {
	for _, g := range c.groups {
		g.forwardInner.Forward(c.tick)
	}
}

func (c *Cloud[T]) forwardRim() {
	for _, g := range c.groups {
		g.forwardRim.Forward(c.tick)
	}
}

// FinishForward completes U at this rank's own points.
func (c *Cloud[T]) FinishForward() error {
	if c.Mode == Jets {
		return c.exchange.FinishForward(c.U, true)
	}
	if err := c.exchange.FinishForward(c.Theta, false); err != nil {
		return err
	}
	c.forwardRim()
	return nil
}

// StartAdjoint clears Grad and sets the transposed exchange going; UBar at own points is complete.
func (c *Cloud[T]) StartAdjoint() error {
	c.backend.Clear(c.Grad)
	if err := c.exchange.PostTranspose(); err != nil {
		return err
	}
	if c.Mode == Jets {
		return c.exchange.SendTranspose(c.UBar)
	}
	c.adjointRim()
	return c.exchange.SendTranspose(c.Grad)
}

// AdjointInner differentiates the replicated levels first and starts their sum over ranks, then the other inner tiles.
func (c *Cloud[T]) AdjointInner() error {
	for _, g := range c.groups {
		g.trainReplicated.Adjoint(c.tick)
	}
	if c.coarse != nil {
		c.coarse.Pack(c.Grad)
		if err := c.startSum(false); err != nil {
			return err
		}
	}
	for _, g := range c.groups {
		g.trainInner.Adjoint(c.tick)
	}
	return c.startSum(true)
}

// startSum starts the all-reduce of the replicated gradients once they are there; with wait, in any case.
func (c *Cloud[T]) startSum(wait bool) (err error) {
	if c.coarse == nil || c.summed != nil || !wait && !c.coarse.Packed() {
		return nil
	}
	if c.summed, err = c.coarse.Message(); err != nil {
		return err
	}
	c.left = c.clock.Now()
	return mpi.Iallreduce(c.comm, c.summed, mpi.Sum, &c.sum)
}

func (c *Cloud[T]) adjointRim() {
	for _, g := range c.groups {
		g.trainRim.Adjoint(c.tick)
	}
}

// FinishAdjoint completes Grad for the owned subdomains; FinishReplicated for the replicated ones. Ghosts' entries are undefined.
func (c *Cloud[T]) FinishAdjoint() error {
	if c.Mode == Parameters {
		return c.exchange.FinishTranspose(c.Grad, true)
	}
	if err := c.exchange.FinishTranspose(c.UBar, false); err != nil {
		return err
	}
	c.adjointRim()
	return nil
}

// FinishReplicated waits for the sum of the replicated levels' gradients.
func (c *Cloud[T]) FinishReplicated() error {
	if c.coarse == nil {
		return nil
	}
	at := c.clock.Now()
	if err := c.sum.Wait(); err != nil {
		return err
	}
	c.clock.Add(c.exposed, at)
	c.clock.Add(c.flight, c.left)
	c.coarse.Return(c.Grad)
	c.summed = nil
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
	c.backend.Clear(c.U)
	if err := c.exchange.PostForward(); err != nil {
		return err
	}
	inner := func() {
		for _, g := range c.groups {
			g.forwardInner.Tangent(dir[g.at : g.at+g.n])
		}
	}
	rim := func() {
		for _, g := range c.groups {
			g.forwardRim.Tangent(dir[g.at : g.at+g.n])
		}
	}
	if c.Mode == Jets {
		rim()
		if err := c.exchange.SendForward(c.U); err != nil {
			return err
		}
		inner()
		return c.exchange.FinishForward(c.U, true)
	}
	if err := c.exchange.SendForward(dir); err != nil {
		return err
	}
	inner()
	if err := c.exchange.FinishForward(dir, false); err != nil {
		return err
	}
	rim()
	return nil
}

// progress gives MPI, which works only inside its calls, a chance to move messages on.
func (c *Cloud[T]) progress() {
	c.exchange.Progress()
	c.sum.Test()
}

// Activate restricts evaluation and training to the subdomains for which the functions (of level and subdomain) say so; nil
// means all. It may be called between steps.
func (c *Cloud[T]) Activate(evaluate, train func(l, j int) bool) error {
	for k := range c.groups {
		g := &c.groups[k]
		keep := func(from []int32, yes func(l, j int) bool, replicated ...bool) (list []int32) {
			for _, t := range from {
				at := g.tiles[t]
				v := &c.Levels[at.level]
				if (yes == nil || yes(int(at.level), v.Subs[at.slot])) && (len(replicated) == 0 || replicated[0] == v.Replicated) {
					list = append(list, t)
				}
			}
			return list
		}
		for _, w := range []struct {
			work *kernels.Work[T]
			list []int32
		}{
			{&g.forwardInner, keep(g.inner, evaluate)},
			{&g.forwardRim, keep(g.rim, evaluate)},
			{&g.trainReplicated, keep(g.inner, train, true)},
			{&g.trainInner, keep(g.inner, train, false)},
			{&g.trainRim, keep(g.rim, train)},
		} {
			if *w.work != nil {
				(*w.work).Close()
			}
			var err error
			if *w.work, err = g.kernel.Select(w.list); err != nil {
				return fmt.Errorf("model: select tiles: %w", err)
			}
		}
	}
	return nil
}
