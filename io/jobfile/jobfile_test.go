package jobfile

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/decomp"
)

var update = flag.Bool("update", false, "rewrite the golden files from what the code does now")

// golden compares got with a file of testdata, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

// samples are the names of test jobs that must be accepted.
func samples(t *testing.T) []string {
	files, err := filepath.Glob("testdata/good/*.toml")
	if err != nil || len(files) < 3 {
		t.Fatalf("test jobs are missing: %v, %v", files, err)
	}
	return files
}

// arithmetic stands in for the expression language: the numbers that the test jobs write as expressions.
func arithmetic(s string) (float64, *Fault) {
	v, ok := map[string]float64{"-2*pi": -6.5, "2*pi": 6.5, "4*pi": 13, "L": 2, "2*L": 4, "1/2": 0.5, "29/10": 2.9, "0.1": 0.1, "3*w": 3}[s]
	if !ok {
		return 0, &Fault{Col: 2, Msg: "no such name", Hint: "name it"}
	}
	return v, nil
}

// public is a Job without its positions.
func public(t *testing.T, j *Job) string {
	t.Helper()
	b, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

func TestSamples(t *testing.T) {
	for _, f := range samples(t) {
		j, err := Load(f, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Resolve(arithmetic); err != nil {
			t.Fatal(err)
		}
		golden(t, strings.TrimSuffix(f, ".toml")+".json", public(t, j))

		// The canonical text is a job file that means the same, and is its own canonical text.
		again, err := Decode(f, j.Text, nil)
		if err != nil {
			t.Fatalf("canonical text of %s: %v\n%s", f, err, j.Text)
		}
		if err := again.Resolve(arithmetic); err != nil {
			t.Fatal(err)
		}
		if public(t, j) != public(t, again) {
			t.Errorf("%s: canonical text means something else:\n%s", f, j.Text)
		}
	}
}

func TestLimits(t *testing.T) {
	if maxWidth != kernels.MaxWidth || maxDepth != kernels.MaxDepth || maxAxes != kernels.MaxD || maxGrading != decomp.MaxGrading {
		t.Error("limits differ from those of the kernels and the decomposition")
	}
}

func TestHelpNamesEveryKey(t *testing.T) {
	text := Help()
	for _, k := range Keys() {
		if !strings.Contains(text, k.Name) || !strings.Contains(text, k.Doc) {
			t.Errorf("keys text lacks %s", k.Name)
		}
	}
}

func TestOverrides(t *testing.T) {
	const f = "testdata/good/burgers.toml"
	j, err := Load(f, []string{"train.steps=500", "train.solver=lbfgs", "network.hidden=[8, 8]", "problem.conditions.1.weight=7",
		"title=short", "decomposition.overlap=2.9", "parallel.exchange=jets"})
	if err != nil {
		t.Fatal(err)
	}
	if j.Train.Steps != 500 || j.Train.Solver != "lbfgs" || !reflect.DeepEqual(j.Network.Hidden, []int{8, 8}) ||
		j.Problem.Conditions[1].Weight != 7 || j.Title != "short" || j.Decomposition.Overlap[2][1] != 2.9 || j.Parallel.Exchange != "jets" {
		t.Errorf("overrides did not arrive: %+v", j)
	}
	plain, err := Load(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if plain.SHA256 == j.SHA256 {
		t.Error("overrides do not change the digest")
	}
	if again, err := Decode(f, j.Text, nil); err != nil || again.SHA256 != j.SHA256 {
		t.Errorf("canonical text with overrides does not reproduce itself: %v", err)
	}
	golden(t, "testdata/good/overrides.txt", j.Text)
}

// Places of faults that are found after decoding, given as "line:column" of what they must point at.
func TestLocate(t *testing.T) {
	j, err := Load("testdata/good/burgers.toml", nil)
	if err != nil {
		t.Fatal(err)
	}
	free, err := Load("testdata/good/free.toml", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		job  *Job
		key  string
		col  int
		want string // text at the place
	}{
		{j, "problem.equations[0]", 7, "u*u_x - nu"},
		{j, "problem.equations[0]", 0, `"u_t + u*u_x`},
		{j, "problem.ansatz.u", 6, "(x+1)/sd)*tanh((1-x)"},
		{j, "problem.conditions[0].residual", 5, "sin(pi*x)"},
		{j, "problem.conditions[0].residual[0]", 5, "sin(pi*x)"},
		{j, "problem.conditions[1].residual[1]", 7, `0"]`},
		{j, "problem.conditions[0].on", 1, "t = 0"},
		{j, "problem.conditions[1].on.x", 0, "0.3,"},
		{j, "problem.conditions[1].name", 0, `"probe"`},
		{j, "problem.conditions[0].name", 0, "problem.conditions]]"},
		{j, "domain.x", 0, "[-1, 1]"},
		{j, "functions.bump", 1, "exp("},
		{j, "functions.bump.body", 5, "-z^2"},
		{j, "train.active.point", 0, "active ="},
		{free, "functions.f.body", 3, `b" }`},
		{free, "problem.equations[1]", 15, "f(u, v)"},
	} {
		e := c.job.Locate(c.key, c.col)
		runes := []rune(e.Source)
		if e.Col > len(runes) || !strings.HasPrefix(string(runes[e.Col-1:]), c.want) {
			t.Errorf("%s column %d: %d:%d %q is not at %q", c.key, c.col, e.Line, e.Col, e.Source, c.want)
		}
	}
}

func TestResolveFaults(t *testing.T) {
	base, err := os.ReadFile("testdata/good/laplace.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ rate, want string }{
		{"q*3", "x:15:10: no such name\n    rate = \"q*3\"\n             ^\n    name it"},
		{"4*pi", ""},
		{"-2*pi", "x:15:8: train.rate = -2*pi = -6.5 is out of range\n    rate = \"-2*pi\"\n           ^\n    allowed: above 0, up to 1000"},
	} {
		j, err := Decode("x", string(base)+"[train]\nrate = \""+c.rate+"\"\n", nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := j.Resolve(arithmetic); err != nil {
			got = err.Error()
		} else if j.Train.Rate != 13 {
			t.Errorf("rate is %v", j.Train.Rate)
		}
		if got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.rate, got, c.want)
		}
	}
}
