// Accuracy collects the errors of training runs.
//
//	go run ./benchmarks/accuracy OUT
//
// reads every OUT/JOB/seed-N/solution.h5, appends one JSON line a run to benchmarks/results/accuracy.jsonl, and writes the table
// of results, medians over seeds beside published values, into README.md and jobs/README.md between the lines
// <!-- results:begin --> and <!-- results:end -->, and that of solvers of second order between those with second. The page of
// work-precision figures is made from the tables of work-precision.sh. Without OUT it only renews the tables. It runs in the root
// of the repository.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const (
	results   = "benchmarks/results/accuracy.jsonl"
	published = "benchmarks/accuracy/published.tsv"
	begin     = "<!-- results:begin -->"
	end       = "<!-- results:end -->"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	all, err := load(results)
	if err != nil {
		return err
	}
	for _, folder := range args {
		fresh, err := collect(folder)
		if err != nil {
			return err
		}
		for i := range fresh {
			fresh[i].Machine = machine()
		}
		if all, err = add(results, all, fresh); err != nil {
			return err
		}
	}
	values, err := values(published)
	if err != nil {
		return err
	}
	goals, order, err := goals(secondPublished)
	if err != nil {
		return err
	}
	pictures, err := gallery(tables)
	if err != nil {
		return err
	}
	pages := []string{"README.md", "jobs/README.md"}
	for _, t := range []struct {
		begin, end, text string
		pages            []string
	}{{begin, end, table(all, values), pages}, {secondBegin, secondEnd, second(all, goals, order), pages}, {figuresBegin, figuresEnd, pictures, []string{figuresPage}}} {
		for _, path := range t.pages {
			switch err := replace(path, t.begin, t.end, t.text); {
			case errors.Is(err, fs.ErrNotExist):
				fmt.Fprintln(os.Stderr, "accuracy: no", path)
			case err != nil:
				return err
			}
		}
		fmt.Print(t.text)
	}
	return nil
}

// Value is a published error.
type Value struct{ Metric, Value, Source, Quality string }

// values reads the published errors by job.
func values(path string) (map[string]Value, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := map[string]Value{}
	for n, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		c := strings.Split(line, "\t")
		if len(c) != 5 {
			return nil, fmt.Errorf("%s:%d: %d columns, want 5", path, n+1, len(c))
		}
		if n == 0 {
			continue
		}
		if _, err := strconv.ParseFloat(c[2], 64); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n+1, err)
		}
		m[c[0]] = Value{Metric: c[1], Value: c[2], Source: c[3], Quality: c[4]}
	}
	return m, nil
}

// table has one line for each job and number of steps, from the newest run of each seed.
func table(all []Record, values map[string]Value) string {
	type key struct {
		job   string
		steps int64
	}
	newest := map[key]map[int64]Record{}
	var keys []key
	for _, r := range all {
		if r.Unknowns > 0 {
			continue // of the other table
		}
		k := key{r.Job, r.Steps}
		if newest[k] == nil {
			newest[k] = map[int64]Record{}
			keys = append(keys, k)
		}
		newest[k][r.Seed] = r
	}
	slices.SortFunc(keys, func(a, b key) int {
		if c := strings.Compare(a.job, b.job); c != 0 {
			return c
		}
		return int(a.steps - b.steps)
	})
	var b strings.Builder
	b.WriteString("| job | steps | seeds | metric | final | best | last 10 % | published | source, quality |\n" +
		"|---|---|---|---|---|---|---|---|---|\n")
	for _, k := range keys {
		v, known := values[k.job]
		if !known {
			v = Value{Metric: "nL1", Value: "-", Source: "-"}
		}
		source := v.Source
		if v.Quality != "" {
			source += "; " + v.Quality
		}
		columns := map[string][]Figures{}
		for _, r := range newest[k] {
			for name, f := range r.Errors {
				if strings.HasPrefix(name, v.Metric+" ") {
					columns[name] = append(columns[name], f)
				}
			}
		}
		for _, name := range sorted(columns) {
			label := v.Metric
			if len(columns) > 1 {
				label = name
			}
			pick := func(f func(Figures) float64) float64 {
				var list []float64
				for _, x := range columns[name] {
					list = append(list, f(x))
				}
				return median(list)
			}
			fmt.Fprintf(&b, "| %s | %d | %d | %s | %.2g | %.2g | %.2g | %s | %s |\n", k.job, k.steps, len(columns[name]), label,
				pick(func(f Figures) float64 { return f.Final }), pick(func(f Figures) float64 { return f.Best }),
				pick(func(f Figures) float64 { return f.Median }), v.Value, source)
		}
	}
	fmt.Fprintf(&b, "\nMedians over seeds; nL1 and L1 as in docs/theory.md, section 10. Runs, times, machines and commits: %s.\n", results)
	return b.String()
}

func sorted(m map[string][]Figures) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// replace puts text between two marks of a file. A file without marks is left alone.
func replace(path, begin, end, text string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(b), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		fmt.Fprintf(os.Stderr, "accuracy: %s has no lines %s and %s\n", path, begin, end)
		return nil
	}
	return os.WriteFile(path, []byte(head+begin+"\n"+text+end+tail), 0o644)
}

// machine describes this computer.
func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for _, line := range strings.Split(string(b), "\n") {
			if name, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores", model, runtime.NumCPU())
}
