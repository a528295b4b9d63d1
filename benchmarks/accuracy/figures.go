package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The page of work-precision figures: one line a job, from the tables that work-precision.sh keeps.

const (
	tables       = "benchmarks/results/work-precision"
	figuresPage  = "benchmarks/figures/README.md"
	figuresBegin = "<!-- figures:begin -->"
	figuresEnd   = "<!-- figures:end -->"
)

// row is a line of a table that `fbpinn-mpi compare` wrote.
type row struct {
	run, kind      string
	seconds, error float64
}

// rows reads such a table.
func rows(path string) (list []row, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for n, c := range lines {
		if n == 0 {
			continue
		}
		r := row{run: c[0], kind: c[3]}
		if r.seconds, err = strconv.ParseFloat(c[5], 64); err == nil {
			r.error, err = strconv.ParseFloat(c[6], 64)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n+1, err)
		}
		list = append(list, r)
	}
	return list, nil
}

// gallery has one line a job: where each solver ended, and after how long.
func gallery(folder string) (string, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.csv"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| job | Adam | least squares | Gauss-Newton | classical solver, at its best |\n|---|---|---|---|---|\n")
	for _, path := range paths {
		list, err := rows(path)
		if err != nil {
			return "", err
		}
		var adam, squares, newton []string
		best := "-"
		least := row{}
		for _, r := range list {
			cell := fmt.Sprintf("%.1e / %.2g s", r.error, r.seconds)
			switch {
			case r.kind == "classical" && (least.kind == "" || r.error < least.error):
				least, best = r, cell
			case r.kind != "whole program":
			case r.run == "adam":
				adam = append(adam, cell)
			case strings.HasPrefix(r.run, "gauss-newton"):
				newton = append(newton, cell)
			default:
				squares = append(squares, cell)
			}
		}
		job := strings.TrimSuffix(filepath.Base(path), ".csv")
		join := func(cells []string) string {
			if len(cells) == 0 {
				return "-"
			}
			return strings.Join(cells, "; ")
		}
		fmt.Fprintf(&b, "| [%s](%s.png) | %s | %s | %s | %s |\n", job, job, join(adam), join(squares), join(newton), best)
	}
	return b.String(), nil
}
