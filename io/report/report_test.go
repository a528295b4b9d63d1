package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"fbpinn-mpi/io/runlog"
	"fbpinn-mpi/io/snapshot"
)

// nasty is a text that must not become markup.
const nasty = `</script><script src="http://example.org/x.js">"'&` + "`${1}`"

// write makes the folder of a run that was stopped and resumed once; done: with its solution.
func write(t *testing.T, dir string, done bool) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	log, err := runlog.OpenLog(filepath.Join(dir, runlog.LogName), -1)
	must(err)
	events, err := runlog.OpenEvents(filepath.Join(dir, runlog.EventsName))
	must(err)
	launch := &runlog.Launch{Title: nasty, Host: "node1", Ranks: 2, Command: "fbpinn-mpi run " + nasty,
		Plan: runlog.Plan{Windows: 1, Stages: []runlog.Stage{{Solver: "adam", Steps: 20}, {Solver: "gauss-newton", Steps: 3}}}}
	for _, e := range []runlog.Event{{What: runlog.Started, Launch: launch},
		{What: runlog.WindowBegun, Layout: &runlog.Layout{Window: 1, Backend: "cpu", Pairs: 300, PairsRank: 200, Bytes: 2048, Minimum: 1024}},
		{What: runlog.Warned, Text: nasty}, {What: runlog.Checkpointed, Step: 20, Seconds: 0.25}, {What: runlog.Stopped, Step: 20, Text: "on request"},
		{What: runlog.Started, Step: 20, Launch: launch}} {
		must(events.Add(e))
	}
	for s := int64(1); s <= 23; s++ {
		r := runlog.Report{Step: s, Seconds: float64(s), Rate: 1, Loss: 1 / float64(s), Stage: 1, Window: 1, Solver: "adam", Time: time.Now(),
			Terms: []runlog.Value{{Name: nasty, Value: 0.5}, {Name: "b", Value: math.NaN()}}}
		if s > 20 {
			r.Stage, r.Solver, r.Linear = 2, "gauss-newton", []runlog.Value{{Name: "iterations", Value: 7}}
		}
		if s%10 == 0 {
			r.Errors = []runlog.Value{{Name: "u", Value: 0.1 / float64(s)}}
		}
		must(log.Write(r))
	}
	must(log.Close())
	must(os.WriteFile(filepath.Join(dir, runlog.JobName), []byte("title = '"+nasty+"'"), 0o644))
	if done {
		must(events.Add(runlog.Event{What: runlog.Ended, Text: "converged", Seconds: 30, Tasks: []runlog.Task{{Name: "residual", Seconds: 3, Steps: 23}}}))
		must(snapshot.Write(filepath.Join(dir, runlog.SolutionName), solution()))
	}
	must(events.Close())
}

// solution is one on two levels over a plane of 3 x 5 points.
func solution() *snapshot.Snapshot {
	s := &snapshot.Snapshot{Coords: []snapshot.Coord{{Name: "x", Values: []float64{0, 1, 2}}, {Name: "t", Values: []float64{0, 1, 2, 3, 4}}},
		Attrs: []snapshot.Attr{{Name: "title", Value: nasty}, {Name: "references", Value: nasty}, {Name: "hostname", Value: nasty}, {Name: "wall_seconds", Value: 31.0}}}
	var u, e, r []float64
	for i := range 15 {
		u, e, r = append(u, float64(i)), append(e, 0.5), append(r, float64(i%5))
	}
	e[14] = math.NaN()
	s.Fields = []snapshot.Field{{Name: "u", Data: u}, {Name: "u_error", LongName: "error of u", Data: e}, {Name: "residual_1", LongName: "residual of u_t = 0", Data: r}}
	s.History = []snapshot.Series{{Name: "step", Values: []float64{10, 23}}, {Name: "time", Values: []float64{10, 23}}, {Name: "loss", Values: []float64{1, 0.5}},
		{Name: "linear_iterations", Values: []float64{math.NaN(), 7}},
		{Name: "error_u", Values: []float64{0.01, 0.02}}, {Name: "l1_u", Values: []float64{1, 2}}, {Name: "l2_u", Values: []float64{1, 2}}, {Name: "max_u", Values: []float64{3, 4}}}
	s.Decomposition = &snapshot.Decomposition{Level: []int32{0, 1, 1, 1}, Owner: []int32{-1, 0, 1, 1},
		Centre: []float64{1, 2, 1, 0.5, 1, 3.5, 9, 9}, Width: []float64{2, 4, 2, 1, 2, 1, 1, 1}}
	column := func(name string, v float64) snapshot.Series { return snapshot.Series{Name: name, Values: []float64{v}} }
	s.Linear = &snapshot.Linear{Subdomain: []int32{1, 2}, Columns: []int32{9, 9}, Kept: []int32{5, 8}, Largest: []float64{2, 2}, Smallest: []float64{1e-3, 1e-4},
		Factorisations: []snapshot.Series{column("step", 21), column("bytes", 2048)}, Step: []int32{21}, Gradient: [][]float64{{1, 0.1, 1e-6}}}
	for _, name := range []string{"seconds_blocks", "seconds_filter", "seconds_normal", "seconds_factor", "seconds_coarse", "seconds_iterations"} {
		s.Linear.Factorisations = append(s.Linear.Factorisations, column(name, 0.5))
	}
	return s
}

// The text of scripts and styles is no markup.
var raw = regexp.MustCompile(`(?s)(<(?:script|style)[^>]*>).*?(</(?:script|style)>)`)

// TestSelfContained: the page is well-formed, refers to nothing outside, and texts of a job cannot become markup.
func TestSelfContained(t *testing.T) {
	for name, done := range map[string]bool{"finished": true, "under way": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, done)
			r, err := Read(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, runlog.ReportName)
			if err := Write(path, r, nil); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			page := string(text)
			if n := strings.Count(page, "<script"); n != 1 {
				t.Errorf("%d scripts", n)
			}
			pictures := 0
			d := xml.NewDecoder(strings.NewReader(raw.ReplaceAllString(page, "$1$2")))
			for {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("not well-formed: %v", err)
				}
				element, ok := token.(xml.StartElement)
				if !ok {
					continue
				}
				switch element.Name.Local {
				case "link", "iframe", "object", "embed", "base", "form":
					t.Errorf("a <%s>", element.Name.Local)
				}
				for _, a := range element.Attr {
					switch name := strings.ToLower(a.Name.Local); {
					case name == "src" && strings.HasPrefix(a.Value, "data:image/png;base64,iVBOR"):
						pictures++
					case name == "src" || name == "href" || name == "srcset" || name == "action" || strings.HasPrefix(name, "on"):
						t.Errorf("%s = %.60q", name, a.Value)
					}
				}
			}
			for _, m := range raw.FindAllString(page, -1) {
				for _, bad := range []string{"url(", "@import", "import(", "fetch(", "XMLHttpRequest"} {
					if strings.Contains(m, bad) {
						t.Errorf("scripts or styles have %s", bad)
					}
				}
			}
			want := []string{"default-src 'none'", "Loss and error", "Warnings", "on request", "2 KiB", "uPlot"}
			if done {
				want = append(want, ">finished<", "converged", "Residuals and errors by subdomain", "Linear solver", "Provenance")
			} else {
				want = append(want, "there is no solution yet")
			}
			for _, w := range want {
				if !strings.Contains(page, w) {
					t.Errorf("no %q", w)
				}
			}
			if done != (pictures >= 3) { // solution, history, decomposition
				t.Errorf("%d pictures", pictures)
			}
		})
	}
	if _, err := Read(t.TempDir(), nil); !errors.Is(err, ErrNone) {
		t.Errorf("a folder without a run: %v", err)
	}
}

// TestLocal: means over boxes by hand, with a missing value and a box beyond the grid.
func TestLocal(t *testing.T) {
	s := solution()
	r, e := local(s, s.Field("residual_1").Data), local(s, s.Field("u_error").Data)
	for j, want := range []float64{math.Sqrt(6), math.Sqrt(0.5), math.Sqrt(12.5), math.NaN()} {
		if got := r[j]; math.Abs(got-want) > 1e-15 || math.IsNaN(got) != math.IsNaN(want) {
			t.Errorf("subdomain %d: %v, want %v", j, got, want)
		}
	}
	if e[0] != 0.5 || e[2] != 0.5 {
		t.Errorf("errors %v", e)
	}
}

// TestThinned: a long log keeps its ends and its few tests.
func TestThinned(t *testing.T) {
	var log []runlog.Report
	for s := range 50001 {
		r := runlog.Report{Step: int64(s)}
		if s%5001 == 3 {
			r.Errors = []runlog.Value{{Name: "u"}}
		}
		log = append(log, r)
	}
	list := thinned(log)
	tests := 0
	for _, r := range list {
		if len(r.Errors) > 0 {
			tests++
		}
	}
	if n := len(list); n > mostPoints+20 || n < mostPoints/2 || list[0].Step != 0 || list[n-1].Step != 50000 || tests != 10 {
		t.Errorf("%d reports, the last of step %d, %d tests", n, list[n-1].Step, tests)
	}
}
