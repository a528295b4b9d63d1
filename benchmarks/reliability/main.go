// Reliability runs the twelve tests of what a run survives: restarts, kills, damaged files, full disks, ranks that fail.
//
//	go run ./benchmarks/reliability [-full] [-record] NUMBER...
//
// in the root of the repository (make rel-1 ... make rel-12, and make rel-1-full ...). Each test is a list of Go tests, most of them
// beside this file and all of them part of go test ./... in their short variants. With -record the figures that they report, number
// of repetitions, worst value beside what is allowed, seed, seconds, become a line of benchmarks/results/reliability.jsonl, and
// benchmarks/reliability.md is written anew from these lines; without numbers only that.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// part is a go test command: package, pattern of its tests, and flags.
type part struct {
	pkg, run string
	flags    []string
	full     bool // only in the long variant
	ranks    int  // started by mpirun; 0: alone
}

// suite are the tests by number, from 1.
var suite = []struct {
	title string
	parts []part
}{
	{"Restart, bit for bit", []part{{pkg: here, run: "^TestRel1$"}}},
	{"Restart on other numbers of ranks", []part{{pkg: here, run: "^TestRel2$"}}},
	{"Killed at any instant", []part{{pkg: here, run: "^TestRel3$"}, {pkg: "./io/checkpoint", run: "^TestKill$"}}},
	{"Damaged checkpoints", []part{{pkg: here, run: "^TestRel4$"}, {pkg: "./io/checkpoint", run: "^TestDamage|^TestPairs"}}},
	{"Disk full, in quota, read-only, broken", []part{{pkg: here, run: "^TestRel5$"}, {pkg: "./io/checkpoint", run: "^TestDiskFull$"}}},
	{"One bad rank", []part{{pkg: here, run: "^TestRel6"}, {pkg: "./mpi/watchdog", run: "."}, {pkg: "./mpi/watchdog", run: "^TestRing$", ranks: 4}}},
	{"Time limits and signals", []part{{pkg: here, run: "^TestRel7$"}}},
	{"Strict input", []part{
		{pkg: "./io/jobfile", run: "^TestEveryKeyIsStrict$|^TestBad"}, {pkg: "./cmd/fbpinn-mpi", run: "^TestBad|^TestCaret$"},
		{pkg: "./io/jobfile", run: "^FuzzDecode$", flags: []string{"-fuzz", "^FuzzDecode$", "-fuzztime"}},
		{pkg: "./solver/expr", run: "^FuzzParse$", flags: []string{"-fuzz", "^FuzzParse$", "-fuzztime"}},
		{pkg: "./solver/problem", run: "^FuzzBuild$", flags: []string{"-fuzz", "^FuzzBuild$", "-fuzztime"}}}},
	{"Determinism", []part{{pkg: here, run: "^TestRel9$"}, {pkg: "./solver/problem", run: "^TestSobolEqualsScipy$|^TestDraw"}}},
	{"Correctness", []part{
		{pkg: here, run: "^TestRel10"}, {pkg: "./kernels/...", run: "."}, {pkg: "./solver/expr", run: "Derivative|^TestPartial$|^TestCompile"},
		{pkg: "./solver/decomp", run: "^TestPartitionOfUnity$|^TestWindowDerivatives$|^TestGradedUnity$"}, {pkg: "./jobs", run: "."}}},
	{"Files that others open", []part{{pkg: here, run: "^TestRel11$"}, {pkg: "./io/snapshot", run: "^TestOpens|^TestXDMF|^TestRoundTrip|^TestFlipped"}}},
	{"Long runs, races, memory", []part{
		{pkg: here, run: "^TestRel12$"}, {pkg: "./mpi", run: "^TestRing$|^TestCanary", ranks: 2}, {pkg: "./cmd/fbpinn-mpi", run: "^TestWithoutMPI$"},
		{pkg: "./io/runlog", run: ".", flags: []string{"-race"}}, {pkg: "./io/jobfile", run: ".", flags: []string{"-race"}},
		{pkg: "./solver/expr", run: ".", flags: []string{"-race"}}, {pkg: "./solver/decomp", run: ".", flags: []string{"-race"}, full: true},
		{pkg: "./io/h5", run: ".", flags: []string{"-asan"}, full: true}, {pkg: "./io/checkpoint", run: ".", flags: []string{"-asan"}, full: true}}},
}

const (
	here    = "./benchmarks/reliability"
	results = "benchmarks/results/reliability.jsonl"
	page    = "benchmarks/reliability.md"
)

func main() {
	long := flag.Bool("full", false, "the long variants")
	record := flag.Bool("record", false, "add the figures to "+results+" and write "+page)
	flag.Parse()
	if err := run(flag.Args(), *long, *record); err != nil {
		fmt.Fprintln(os.Stderr, "reliability:", err)
		os.Exit(1)
	}
}

func run(args []string, long, record bool) error {
	var failed error
	for _, a := range args {
		n, err := strconv.Atoi(a)
		if err != nil || n < 1 || n > len(suite) {
			return fmt.Errorf("%q: give numbers from 1 to %d", a, len(suite))
		}
		r, err := try(n, long)
		if err != nil {
			return err
		}
		fmt.Println(r)
		if !r.Passed {
			failed = errors.Join(failed, fmt.Errorf("test %d failed", n))
		}
		if record {
			if err := appendLine(results, r); err != nil {
				return err
			}
		}
	}
	if record || len(args) == 0 {
		all, err := load(results)
		if err != nil {
			return err
		}
		if err := os.WriteFile(page, []byte(table(all)), 0o644); err != nil {
			return err
		}
	}
	return failed
}

// event is a line of go test -json.
type event struct {
	Action, Test, Output, Key, Value string
}

// try runs one test of the suite.
func try(n int, long bool) (Result, error) {
	r := Result{Test: n, Full: long, Passed: true, Machine: machine(), Commit: commit(), When: time.Now().UTC().Format(time.RFC3339)}
	began := time.Now()
	for _, p := range suite[n-1].parts {
		if p.full && !long {
			continue
		}
		args := []string{"test", "-json", "-count=1", "-timeout=25h", "-run", p.run}
		for _, f := range p.flags {
			if args = append(args, f); f == "-fuzztime" {
				args = append(args, map[bool]string{false: "7s", true: "20m"}[long])
			}
		}
		if p.ranks > 0 {
			args = append(args, "-exec", strings.Join(mpirun(p.ranks), " "))
		}
		c := exec.Command("go", append(args, p.pkg)...)
		if c.Env = os.Environ(); long {
			c.Env = append(c.Env, "REL_FULL=1")
		}
		var text bytes.Buffer
		c.Stdout, c.Stderr = &text, &text
		err := c.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return r, err
		}
		r.take(text.Bytes())
		if err != nil {
			r.Passed = false
			fmt.Print(outputs(text.Bytes()))
		}
	}
	r.Seconds = time.Since(began).Seconds()
	return r, nil
}

// mpirun is the command line that starts so many ranks.
func mpirun(ranks int) []string {
	line := []string{"mpirun", "--oversubscribe", "--bind-to", "none", "-np", strconv.Itoa(ranks)}
	if os.Geteuid() == 0 {
		line = append(line, "--allow-run-as-root")
	}
	return line
}

// take adds what the tests of a part say.
func (r *Result) take(text []byte) {
	figures := map[string]map[string]string{}
	for line := range bytes.Lines(text) {
		var e event
		if json.Unmarshal(line, &e) != nil || e.Test == "" {
			continue
		}
		switch e.Action {
		case "pass":
			r.Passes++
		case "fail":
			r.Fails = append(r.Fails, e.Test)
		case "skip":
			r.Skips = append(r.Skips, e.Test)
		case "attr":
			if figures[e.Test] == nil {
				figures[e.Test] = map[string]string{}
			}
			figures[e.Test][e.Key] = e.Value
		}
	}
	for _, test := range sorted(figures) {
		f := Figure{Test: test, What: figures[test]["figure"], Seed: figures[test]["seed"]}
		f.Repetitions, f.Worst, f.Allowed = number(figures[test]["repetitions"]), number(figures[test]["worst"]), number(figures[test]["allowed"])
		r.Figures = append(r.Figures, f)
	}
}

func number(text string) float64 {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return x
}

func sorted[T any](m map[string]T) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// outputs are the words of go test -json.
func outputs(text []byte) string {
	var b strings.Builder
	for line := range bytes.Lines(text) {
		var e event
		if json.Unmarshal(line, &e) != nil {
			b.Write(line)
		} else if e.Action == "output" || e.Action == "build-output" {
			b.WriteString(e.Output)
		}
	}
	return b.String()
}

func machine() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for l := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(l, "model name"); ok {
			return fmt.Sprintf("%s, %d cores", strings.Trim(name, "\t :\n"), runtime.NumCPU())
		}
	}
	return fmt.Sprintf("%s, %d cores", runtime.GOARCH, runtime.NumCPU())
}

func commit() string {
	text, err := exec.Command("git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
