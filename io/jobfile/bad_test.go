package jobfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// leastBad is the number of malformed jobs that the table must hold.
const leastBad = 60

// Every malformed job of testdata/bad is refused with exactly the message beside it.
func TestBadJobs(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) < leastBad {
		t.Fatalf("%d malformed jobs, %v", len(files), err)
	}
	for _, f := range files {
		j, err := Load(f, nil)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s was accepted: %+v %v", f, j, err)
			continue
		}
		if e.Line < 1 || e.Col < 1 || e.Msg == "" {
			t.Errorf("%s: incomplete error %#v", f, e)
		}
		golden(t, strings.TrimSuffix(f, ".toml")+".txt", e.Error()+"\n")
	}
}

func TestBadOverrides(t *testing.T) {
	var b strings.Builder
	for _, set := range []string{
		"train.steps", "=5", "train.steps=", "train.stesp=5", "train.steps=many", "train.steps=-1", "train.steps=[1", "trian.steps=5",
		"train.solver=sgd", "problem.conditions.7.weight=1", "problem.conditions.last.weight=1", "problem.conditions.0.wieght=1",
		"train=5", "network.hidden=16", "train.rate=nan",
	} {
		_, err := Load("testdata/good/burgers.toml", []string{set})
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("--set %s: %v", set, err)
			continue
		}
		fmt.Fprintf(&b, "%s\n\n", e)
	}
	golden(t, "testdata/bad/overrides.txt", b.String())
}

func TestNoFile(t *testing.T) {
	_, err := Load("testdata/nothing.toml", nil)
	var e *Error
	if !errors.As(err, &e) || e.Remedy == "" {
		t.Errorf("error is %v", err)
	}
	if _, err := Load(t.TempDir(), nil); err == nil || errors.As(err, &e) {
		t.Errorf("a folder is no bad job but a failure to read: %v", err)
	}
}

// frame is what a job needs besides the key under test, as dotted keys in their order.
var frame = [][2]string{
	{"domain.x", "[0, 1]"}, {"domain.y", "[0, 1]"}, {"problem.unknowns", `["u"]`}, {"problem.equations", `["u_x = 1"]`},
	{"decomposition.levels", "[1, 2]"}, {"points.interior.shape", "[10, 10]"}, {"points.test", "[10, 10]"}, {"train.steps", "10"},
}

// companions are what some keys need beside them.
var companions = map[string][]string{
	"problem.nullspace.u":            {},
	"domain.x.periodic":              {"domain.x.range = [0, 1]"},
	"functions.g.args":               {`functions.g.body = "x"`},
	"functions.g.body":               {`functions.g.args = ["x"]`},
	"problem.reference.n":            {`problem.reference.solver = "fd"`},
	"decomposition.centres.x":        {"decomposition.centres.y = [0.5]", "decomposition.widths = { x = [2, 2], y = [2] }"},
	"decomposition.widths.x":         {"decomposition.widths.y = [2]", "decomposition.centres = { x = [0.2, 0.8], y = [0.5] }"},
	"network.fourier.mean":           {"network.fourier.features = 3"},
	"network.fourier.sigma":          {"network.fourier.features = 3"},
	"points.interior.weights":        {`points.interior.sampler = "cells"`},
	"points.interior.count":          {`points.interior.sampler = "sobol"`},
	"train.schedule.factor":          {`train.schedule.kind = "step"`},
	"train.schedule.every":           {`train.schedule.kind = "step"`},
	"train.schedule.final":           {`train.schedule.kind = "cosine"`},
	"train.schedule.warmup":          {`train.schedule.kind = "cosine"`},
	"train.active.point":             {`train.active.scheduler = "point"`},
	"train.active.free":              {`train.active.scheduler = "line"`},
	"train.active.steps":             {`train.active.scheduler = "point"`},
	"train.stages":                   {`solver = "adam"`},
	"train.continuation.parameter":   {"parameters.nu = 1", `train.solver = "least-squares"`, "train.continuation.values = [2]"},
	"train.continuation.values":      {"parameters.nu = 1", `train.solver = "least-squares"`, `train.continuation.parameter = "nu"`},
	"problem.conditions":             {`on = "x = 0"`, `residual = "u"`},
	"decomposition.subdomains":       {"centre = [0.5, 0.5]", "width = [2, 2]"},
	"decomposition.graded.x.towards": {"decomposition.graded.x.factor = 4"},
	"decomposition.graded.x.factor":  {"decomposition.graded.x.towards = 0"},
	"train.windows.axis":             {`train.windows.start.u = "x"`, "train.windows.count = 2"},
	"train.windows.count":            {`train.windows.start.u = "x"`, `train.windows.axis = "x"`},
	"train.windows.at":               {`train.windows.start.u = "x"`, `train.windows.axis = "x"`},
	"train.windows.start.u":          {"train.windows.count = 2", `train.windows.axis = "x"`},
}

// concrete is the name of a key with names for the place holders.
func concrete(key string) string {
	switch {
	case strings.HasPrefix(key, "parameters."):
		return "parameters.p"
	case key == "functions.<name>":
		return `functions."g(z)"`
	}
	return strings.NewReplacer("<x>", "x", "<u>", "u", "<option>", "n", "<name>", "g").Replace(key)
}

// jobWith is a job in which the key has the value; the line with it ends in the mark.
func jobWith(key, value string) string {
	name := concrete(key)
	var lines []string
	for _, f := range frame {
		free := f[0] == "decomposition.levels" && (strings.Contains(name, "centres") || strings.Contains(name, "widths") || strings.Contains(name, "subdomains"))
		counted := f[0] == "points.interior.shape" && name == "points.interior.count"
		staged := f[0] == "train.steps" && strings.HasPrefix(name, "train.stages")
		if f[0] != name && !staged && !strings.HasPrefix(name, f[0]+".") && !free && !counted {
			lines = append(lines, f[0]+" = "+f[1])
		}
	}
	list, field, ok := strings.Cut(name, "[].")
	if !ok {
		return strings.Join(append(append(companions[name], lines...), name+" = "+value+mark), "\n") + "\n"
	}
	lines = append(lines, "[["+list+"]]", field+" = "+value+mark)
	for _, l := range companions[list] {
		if head, _, _ := strings.Cut(field, "."); !strings.HasPrefix(l, head+" ") {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

const mark = " #"

// edit changes the marked line of a job.
func edit(job string, change func(line string) string) string {
	lines := strings.SplitAfter(job, "\n")
	for i, l := range lines {
		if strings.HasSuffix(l, mark+"\n") {
			lines[i] = change(l)
		}
	}
	return strings.Join(lines, "")
}

// Reliability test 8: for every key of the table, what is wrong is refused with its line, before anything starts.
func TestEveryKeyIsStrict(t *testing.T) {
	tried, accepted := 0, 0
	for _, k := range Keys() {
		if k.Type == "table" || k.Type == "list of tables" {
			continue
		}
		good := jobWith(k.Name, k.Example)
		if _, err := Decode("job", good, nil); err != nil {
			t.Errorf("%s: its own example is refused: %v\n%s", k.Name, err, good)
			continue
		}
		refuse := func(what, job string) {
			t.Helper()
			tried++
			_, err := Decode("job", job, nil)
			var e *Error
			if !errors.As(err, &e) {
				accepted++
				t.Errorf("%s: %s was accepted (%v):\n%s", k.Name, what, err, job)
			} else if e.Line < 1 || strings.TrimSpace(e.Source) == "" && e.Line > 1 {
				t.Errorf("%s: %s: no place in %v", k.Name, what, e)
			}
		}
		bad := func(what string, values ...string) {
			for _, v := range values {
				refuse(what+" "+v, jobWith(k.Name, v))
			}
		}
		bad("a date", "2024-01-01", "12:00:00", "[2024-01-01]")
		bad("not a number", "nan", "inf", "-inf", "[nan]", "[1, nan]", "[1, inf]", "1e999")
		bad("an empty list", "[]")
		bad("a strange table", "{ strange_key = 1979-05-27 }")
		bad("something nested", "[[[1]]]")
		if k.Type != "boolean" {
			bad("a boolean", "true", "[false, true]")
		}
		if k.Max > 0 {
			bad("a huge number", "1e300", "[1e300, 1e300]", "99999999999999999999")
			bad("an empty text", `""`, `" "`)
		}
		if k.Max > 0 && k.Min >= 0 {
			bad("a negative number", "-1", "[-1]", "[-1, -1]", "[[-1, -1]]")
		}
		if k.Max > 0 && k.Min > 0 || k.Open {
			bad("zero", "0", "[0, 0]", "0.0")
		}
		if strings.HasPrefix(k.Type, "list") || strings.HasPrefix(k.Type, "pair") {
			bad("no list", "5", "2.5")
		}
		if len(k.Words) > 0 {
			bad("a word that is none", `"`+k.Words[0]+`x"`, `"`+strings.ToUpper(k.Words[0])+`"`)
		}
		if k.Name == "domain.<x>.range" || k.Name == "domain.<x>" || k.Name == "network.unnorm" || k.Name == "points.test" ||
			k.Name == "points.interior.shape" || k.Name == "train.active.point" || strings.HasPrefix(k.Name, "decomposition.subdomains[].") && k.Type != "integer" {
			bad("a wrong length", "[1]", "[1, 2, 3]")
		}

		_, last := k.split()
		if chosen(last) || strings.Contains(k.Name, "reference.") {
			continue // any other name is one that the job chooses, or an option of the classical solver
		}
		swapped := last[1:2] + last[:1] + last[2:]
		for _, name := range []string{last + "s", last[:len(last)-1], swapped, strings.ToUpper(last), strings.ToUpper(last[:1]) + last[1:]} {
			refuse("spelt "+name, edit(good, func(l string) string { return strings.Replace(l, last+" =", name+" =", 1) }))
		}
		if k.Required {
			refuse("deleted", edit(good, func(string) string {
				switch parent, _ := k.split(); parent { // without any key these tables would be absent, which is allowed
				case "network.fourier", "train.schedule", "domain.<x>":
					return concrete(parent) + " = {}\n"
				}
				return ""
			}))
		}
	}
	t.Attr("repetitions", fmt.Sprint(tried))
	t.Attr("figure", "bad jobs accepted")
	t.Attr("worst", fmt.Sprint(accepted))
	t.Attr("allowed", "0")
	if tried < 1000 {
		t.Errorf("only %d bad jobs were tried", tried)
	}
}

// FuzzDecode: whatever the text, the answer is a job or an *Error with a place; canonical texts reproduce themselves.
func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.toml", "testdata/bad/*.toml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(b), "train.steps=5")
		}
	}
	f.Fuzz(func(t *testing.T, text, set string) {
		j, err := Decode("job", text, []string{set})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Col < 1 || e.Error() == "" {
				t.Fatalf("error without place: %#v", err)
			}
			return
		}
		again, err := Decode("job", j.Text, nil)
		if err != nil {
			t.Fatalf("canonical text is refused: %v\n%s", err, j.Text)
		}
		if again.Text != j.Text || again.SHA256 != j.SHA256 {
			t.Fatalf("canonical text changes:\n%s\n%s", j.Text, again.Text)
		}
		j.Locate("problem.equations[0]", 3)
	})
}
