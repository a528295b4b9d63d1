package plot

import (
	"os"
	"path/filepath"
	"testing"

	"fbpinn-mpi/io/scaling"
)

// measured is a made study of a solver on 1 to 16 ranks, the last ones of which shared cores.
func measured(kind string, second bool) *scaling.Study {
	s := &scaling.Study{Kind: kind}
	for ranks := 1; ranks <= 16; ranks *= 2 {
		row := scaling.Row{Ranks: ranks}
		for k := range 3 {
			t := 4 + 0.1*float64(k) + 0.3*float64(ranks)
			if kind == "strong" {
				t = 4/float64(ranks) + 0.1*float64(k) + 0.05*float64(ranks)
			}
			p := &scaling.Point{Ranks: ranks, Steps: 10, Seconds: t, SecondOrder: second, Iterations: 20 + 3*ranks, SharedCores: ranks == 16}
			phases := []scaling.Phase{{Row: "step", Name: "forward inner", Mean: 0.4 * t}, {Row: "step", Name: "residual", Mean: 0.1 * t},
				{Row: "step", Name: "adjoint inner", Mean: 0.35 * t}, {Row: "exposed", Name: "jets", Mean: 0.02 * t * float64(ranks-1) / 4}}
			if second {
				phases = []scaling.Phase{{Row: "solver", Name: "blocks", Mean: 0.2 * t}, {Row: "solver", Name: "factor", Mean: 0.3 * t},
					{Row: "solver", Name: "iterations", Mean: 0.4 * t}, {Row: "exposed", Name: "sums", Mean: 0.03 * t}}
			}
			for _, v := range phases {
				p.Add(v, 1)
			}
			pairs := 16000
			if kind == "strong" {
				pairs /= ranks
			}
			for r := range ranks {
				p.Processes = append(p.Processes, scaling.Process{Pairs: pairs + pairs/25*min(r, 2), Neighbours: min(ranks-1, 4), Messages: int64(20 * min(ranks-1, 4)),
					Bytes: int64(20000 * min(ranks-1, 4)), CollectiveBytes: 4000})
			}
			row.Points = append(row.Points, p)
		}
		s.Rows = append(s.Rows, row)
	}
	return s
}

// TestScaling draws studies, one of them without a single time. With FBPINN_PICTURES set to a folder the pictures stay there.
func TestScaling(t *testing.T) {
	none := measured("strong", false)
	for i := range none.Rows {
		for _, p := range none.Rows[i].Points {
			p.SharedCores = true
		}
	}
	alone := measured("weak", false)
	alone.Rows = alone.Rows[:1]
	for name, s := range map[string]*scaling.Study{"strong": measured("strong", false), "weak": measured("weak", false),
		"second": measured("strong", true), "shared": none, "alone": alone} {
		dir := t.TempDir()
		if keep := os.Getenv("FBPINN_PICTURES"); keep != "" {
			dir = keep
		}
		path := filepath.Join(dir, "scale-"+name+".png")
		if err := Scaling(path, s); err != nil {
			t.Fatal(err)
		}
		if colours, w, h := look(t, path); colours < 20 || w != 1500 || h != 1100 {
			t.Errorf("%s: %d colours, %d x %d pixels", name, colours, w, h)
		}
	}
}
