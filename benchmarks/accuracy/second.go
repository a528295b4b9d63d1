package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// The table of solvers of second order: error and time of the whole program, beside the best published figure and a classical
// solver at equal error.

const (
	secondPublished = "benchmarks/accuracy/second.tsv"
	secondBegin     = "<!-- second:begin -->"
	secondEnd       = "<!-- second:end -->"
)

// classical reads the classical solver's points of a table that `fbpinn-mpi compare` wrote beside a solution; no file is none.
func classical(path string) (points []Point, err error) {
	list, err := rows(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, r := range list {
		if r.kind == "classical" {
			points = append(points, Point{Error: r.error, Seconds: r.seconds})
		}
	}
	return points, err
}

// Goal is a row of second.tsv: what was published, and by whom.
type Goal struct{ Metric, Published, Source string }

func goals(path string) (map[string]Goal, []string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	m := map[string]Goal{}
	var order []string
	for n, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		c := strings.Split(line, "\t")
		if len(c) != 4 {
			return nil, nil, fmt.Errorf("%s:%d: %d columns, want 4", path, n+1, len(c))
		}
		if n > 0 {
			m[c[0]] = Goal{c[1], c[2], c[3]}
			order = append(order, c[0])
		}
	}
	return m, order, nil
}

// second has one line for each job of second.tsv that was run, in its order, from the newest run of each seed.
func second(all []Record, goals map[string]Goal, order []string) string {
	var b strings.Builder
	b.WriteString("| job | kept unknowns | seeds | error | seconds | best published | classical solver at equal error |\n|---|---|---|---|---|---|---|\n")
	for _, job := range order {
		newest := map[int64]Record{}
		for _, r := range all {
			if r.Job == job && r.Unknowns > 0 {
				newest[r.Seed] = r
			}
		}
		if len(newest) == 0 {
			continue
		}
		g := goals[job]
		var errs, same, walls, unknowns []float64 // same: in the metric of compare, normalised L1
		var classical []Point
		for _, r := range newest {
			errs, same = append(errs, r.Errors[g.Metric+" u"].Final), append(same, r.Errors["nL1 u"].Final)
			walls, unknowns = append(walls, r.Wall), append(unknowns, float64(r.Unknowns))
			if len(r.Classical) > 0 {
				classical = r.Classical
			}
		}
		e := median(errs)
		fmt.Fprintf(&b, "| %s | %.0f | %d | %s %.1e | %.2g | %s | %s |\n", job, median(unknowns), len(newest), g.Metric, e, median(walls),
			quoted(g), equal(classical, median(same)))
	}
	fmt.Fprintf(&b, "\nMedians over seeds; seconds of the whole program on the cores of the machine, start to file. Runs, machines and commits: %s.\n", results)
	return b.String()
}

func quoted(g Goal) string {
	if g.Published == "-" {
		return "-"
	}
	return g.Published + " (" + g.Source + ")"
}

// equal says how long the classical solver takes to the same error, or how far it gets.
func equal(points []Point, e float64) string {
	if len(points) == 0 {
		return "-"
	}
	best := slices.MinFunc(points, func(a, b Point) int {
		if a.Error < b.Error {
			return -1
		}
		return 1
	})
	fastest := -1.0
	for _, p := range points {
		if p.Error <= e && (fastest < 0 || p.Seconds < fastest) {
			fastest = p.Seconds
		}
	}
	if fastest >= 0 {
		return fmt.Sprintf("%.2g s", fastest)
	}
	return fmt.Sprintf("not reached: nL1 %.1e in %.2g s", best.Error, best.Seconds)
}
