package host

// unnormalise writes û_k = s_k v_k + m_k; the mean is on the value only.
func (k *kernel) unnormalise(v, u []float64) {
	k.scale(v, u)
	for o := range k.plan.Net.Out {
		u[o*k.algebra.n] += k.plan.Shift[o]
	}
}

// scale writes u_k = s_k v_k; u and v may be the same.
func (k *kernel) scale(v, u []float64) {
	for o := range k.plan.Net.Out {
		for c := range k.algebra.n {
			u[o*k.algebra.n+c] = k.plan.Scale[o] * v[o*k.algebra.n+c]
		}
	}
}

// addWindowed adds the product of jets W ⊗ u to the jet planes at one point: U_C += Σ coef W_A u_B (Leibniz).
func (k *kernel) addWindowed(at place, u []float64) {
	for o := range k.plan.Net.Out {
		planes := int64(o * k.algebra.n)
		for _, t := range k.algebra.products {
			w := k.plan.W[at.w+int64(t.A)*at.lanes]
			k.plan.U[at.u+(planes+int64(t.C))*at.stride] += t.Coef * w * k.algebra.of(u, o)[t.B]
		}
	}
}

// gatherWindowed writes its transpose, ū_B = Σ coef W_A Ū_C, of the adjoint planes.
func (k *kernel) gatherWindowed(at place, planes, uBar []float64) {
	clear(uBar)
	for o := range k.plan.Net.Out {
		first := int64(o * k.algebra.n)
		for _, t := range k.algebra.products {
			w := k.plan.W[at.w+int64(t.A)*at.lanes]
			k.algebra.of(uBar, o)[t.B] += t.Coef * w * planes[at.u+(first+int64(t.C))*at.stride]
		}
	}
}
