package jobfile

import "fmt"

// The puts of [decomposition].

func putLevels(d *decoder, k *Key, n *node, path string) {
	if n.kind != list {
		d.wrongType(k, n, path)
		return
	}
	if !d.length(n, path, -1, "") || d.axes() == 0 {
		return
	}
	size, what := d.perAxis()
	total := 0.0
	for i, c := range n.items {
		p := fmt.Sprintf("%s[%d]", path, i)
		row := make([]int, d.axes())
		if c.kind == list {
			if !d.wholes(k, c, p, size, what, &row) {
				return
			}
		} else {
			if !d.whole(k, c, p, &row[0]) {
				return
			}
			for a := range row {
				row[a] = row[0]
			}
		}
		product := 1.0
		for _, j := range row {
			product *= float64(j)
		}
		if total += product; total > maxSubdomains {
			d.fail(c, p, fmt.Sprintf("levels make %.3g subdomains so far", total), fmt.Sprintf("at most %.0g", maxSubdomains))
			return
		}
		d.job.Decomposition.Levels = append(d.job.Decomposition.Levels, row)
	}
}

// maxSubdomains bounds memory: with 65 float32 parameters each, values, gradient and two moments take 10 GB.
const maxSubdomains = 1e7

// putOverlap fills [level][axis] from one number, one per axis, or one list per level.
func putOverlap(d *decoder, k *Key, n *node, path string) {
	levels := d.job.Decomposition.levels() // free subdomains are read later
	if levels == 0 || d.axes() == 0 {
		if table := d.doc.root.child("decomposition"); n.src.name != "default" && table.child("levels") == nil && table.child("centres") == nil {
			d.failKey(n, path, "overlap has a meaning only with levels or centres", "delete it: free subdomains have widths of their own")
		}
		return
	}
	size, what := d.perAxis()
	rows := make([][]float64, levels)
	fill := func(n *node, path string) []float64 {
		row := make([]float64, d.axes())
		if n.kind == list && len(n.items) != 1 {
			d.numbers(k, n, path, size, what, &row)
			return row
		}
		if n.kind == list {
			n, path = n.items[0], path+"[0]"
		}
		if n.kind == text { // each entry has to be resolved
			for a := range row {
				d.number(k, n, path, &row[a])
			}
			return row
		}
		var v float64
		d.number(k, n, path, &v)
		for a := range row {
			row[a] = v
		}
		return row
	}
	switch {
	case n.kind == list && len(n.items) > 0 && n.items[0].kind == list:
		if !d.length(n, path, levels, "one list per level") {
			return
		}
		for l, c := range n.items {
			if c.kind != list {
				d.wrongType(k, c, fmt.Sprintf("%s[%d]", path, l))
				return
			}
			rows[l] = fill(c, fmt.Sprintf("%s[%d]", path, l))
		}
	case n.kind == list && !d.length(n, path, size, what+"; for one per level write [[1.9], [2.9]]"):
		return
	default:
		for l := range rows {
			before := len(d.errs)
			rows[l] = fill(n, path)
			if len(d.errs) > before {
				return
			}
		}
	}
	d.job.Decomposition.Overlap = rows
}

// axisValuesAt stores a list of numbers under the name of a coordinate.
func axisValuesAt(at func(*decoder) *[]AxisValues) put {
	return func(d *decoder, k *Key, n *node, path string) {
		if !d.oneOf(n, path, "coordinate", d.coords()) {
			return
		}
		v := AxisValues{Axis: n.key}
		if d.numbers(k, n, path, -1, "", &v.Values) {
			*at(d) = append(*at(d), v)
		}
	}
}

func beginGraded(d *decoder, k *Key, n *node, path string) {
	d.oneOf(n, path, "coordinate", d.coords())
	grow(&d.job.Decomposition.Graded, d.count, Graded{Axis: n.key})
}

func beginSubdomain(d *decoder, k *Key, n *node, path string) {
	grow(&d.job.Decomposition.Subdomains, d.count, Subdomain{})
}
