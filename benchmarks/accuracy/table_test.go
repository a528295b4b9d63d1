package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fbpinn-mpi/io/snapshot"
)

// solution writes a run of 1000 steps whose error is tested every 100.
func solution(t *testing.T, folder, job string, seed int64, errors []float64) {
	t.Helper()
	path := filepath.Join(folder, job, "seed-"+string(rune('0'+seed)), "solution.h5")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	step, column := make([]float64, 20), make([]float64, 20)
	for i := range step {
		step[i], column[i] = float64(50*(i+1)), math.NaN()
		if i%2 == 1 {
			column[i] = errors[i/2]
		}
	}
	x := []float64{0, 1}
	err := snapshot.Write(path, &snapshot.Snapshot{Coords: []snapshot.Coord{{Name: "x", Values: x}}, Fields: []snapshot.Field{{Name: "u", Data: x}},
		History: []snapshot.Series{{Name: "step", Values: step}, {Name: "error_u", Values: column}, {Name: "l1_u", Values: column}},
		Attrs: []snapshot.Attr{{Name: "seed", Value: seed}, {Name: "step", Value: int64(1000)}, {Name: "mpi_size", Value: int64(2)},
			{Name: "train_seconds", Value: 1.5}, {Name: "precision", Value: "float32"}, {Name: "program_version", Value: "abc"},
			{Name: "history", Value: "2026-01-01T00:00:00Z fbpinn-mpi run"}}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCollectAddTable(t *testing.T) {
	folder := t.TempDir()
	solution(t, folder, "laplace-2d", 0, []float64{9, 8, 7, 6, 5, 4, 3, 1, 2, 4})
	solution(t, folder, "laplace-2d", 1, []float64{9, 8, 7, 6, 5, 4, 3, 3, 3, 6})
	solution(t, folder, "laplace-2d", 2, []float64{9, 8, 7, 6, 5, 4, 3, 2, 7, 8})
	fresh, err := collect(folder)
	if err != nil || len(fresh) != 3 {
		t.Fatalf("%d records, %v", len(fresh), err)
	}
	// The last tenth are the steps above 900: one test.
	if f := fresh[0].Errors["nL1 u"]; f != (Figures{Final: 4, Best: 1, Median: 4}) {
		t.Errorf("figures %+v", f)
	}
	path := filepath.Join(folder, "accuracy.jsonl")
	all, err := add(path, nil, fresh)
	if err != nil {
		t.Fatal(err)
	}
	if all, err = add(path, all, fresh); err != nil || len(all) != 3 {
		t.Errorf("%d records after adding the same runs again, %v", len(all), err)
	}
	if again, err := load(path); err != nil || len(again) != 3 || again[2].Errors["nL1 u"].Final != 8 {
		t.Errorf("read back %+v, %v", again, err)
	}
	text := table(all, map[string]Value{"laplace-2d": {"nL1", "4.7e-5", "Somebody", "figure"}})
	if want := "| laplace-2d | 1000 | 3 | nL1 | 6 | 2 | 6 | 4.7e-5 | Somebody; figure |\n"; !strings.Contains(text, want) {
		t.Errorf("table\n%s\nwants the line\n%s", text, want)
	}
	page := filepath.Join(folder, "page.md")
	if err := os.WriteFile(page, []byte("before\n"+begin+"\nold\n"+end+"\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replace(page, begin, end, "new\n"); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(page); string(b) != "before\n"+begin+"\nnew\n"+end+"\nafter\n" {
		t.Errorf("page %q", b)
	}
}

// The list of published values names jobs that exist.
func TestPublished(t *testing.T) {
	m, err := values("published.tsv")
	if err != nil {
		t.Fatal(err)
	}
	if len(m) < 20 {
		t.Errorf("only %d values", len(m))
	}
	for job, v := range m {
		if _, err := os.Stat(filepath.Join("..", "..", "jobs", job, "job.toml")); err != nil {
			t.Error(err)
		}
		if v.Metric != "nL1" && v.Metric != "L1" {
			t.Errorf("%s: metric %q", job, v.Metric)
		}
	}
}

// The page of figures has the end of every solver, and the classical solver's best.
func TestGallery(t *testing.T) {
	folder := t.TempDir()
	write := func(job, rest string) {
		t.Helper()
		text := "run,solver,ranks,kind,step_or_grid,seconds,error\n" + rest
		if err := os.WriteFile(filepath.Join(folder, job+".csv"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("wave", "adam,adam,1,training,10,1,0.5\nadam,adam,1,whole program,10,2,0.25\nleast-squares,least-squares,1,whole program,1,3,1e-6\n"+
		"least-squares-fine,least-squares,1,whole program,1,40,1e-9\ngauss-newton,gauss-newton,1,whole program,5,6,1e-3\n"+
		"classical solver,\"leapfrog, of second order\",1,classical,10 x 10,0.1,2e-2\n"+
		"classical solver,leapfrog,1,classical,20 x 20,0.2,1e-2\nclassical solver,leapfrog,1,classical,40 x 40,0.4,3e-2\n")
	write("bend", "adam,adam,1,whole program,10,2,0.25\n")
	text, err := gallery(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| [bend](bend.png) | 2.5e-01 / 2 s | - | - | - |\n",
		"| [wave](wave.png) | 2.5e-01 / 2 s | 1.0e-06 / 3 s; 1.0e-09 / 40 s | 1.0e-03 / 6 s | 1.0e-02 / 0.2 s |\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("page\n%s\nwants the line\n%s", text, want)
		}
	}
	write("broken", "adam,adam,1,whole program,10,2,much\n")
	if _, err := gallery(folder); err == nil || !strings.Contains(err.Error(), "broken.csv:2") {
		t.Errorf("a number that is none: %v", err)
	}
}
