package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Result is one run of one test: a line of reliability.jsonl.
type Result struct {
	Test    int      `json:"test"`
	Full    bool     `json:"full"`
	Passed  bool     `json:"passed"`
	Passes  int      `json:"passes"` // Go tests, subtests counted
	Fails   []string `json:"fails,omitempty"`
	Skips   []string `json:"skips,omitempty"`
	Figures []Figure `json:"figures,omitempty"`
	Seconds float64  `json:"seconds"`
	Machine string   `json:"machine"`
	Commit  string   `json:"commit"`
	When    string   `json:"when"`
}

// Figure is what a Go test counted: its repetitions and the worst of them beside what is allowed.
type Figure struct {
	Test        string  `json:"test"`
	What        string  `json:"what"`
	Repetitions float64 `json:"repetitions"`
	Worst       float64 `json:"worst"`
	Allowed     float64 `json:"allowed"`
	Seed        string  `json:"seed,omitempty"`
}

func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "test %d, %s: %s in %.0f s, %d passes", r.Test, suite[r.Test-1].title, map[bool]string{true: "passed", false: "FAILED"}[r.Passed], r.Seconds, r.Passes)
	if n := len(r.Skips); n > 0 {
		fmt.Fprintf(&b, ", %d skips (%s)", n, strings.Join(r.Skips, ", "))
	}
	for _, f := range r.Figures {
		if f.What != "" {
			fmt.Fprintf(&b, "\n  %s: %g repetitions, %s %g, allowed %g", f.Test, f.Repetitions, f.What, f.Worst, f.Allowed)
		}
	}
	return b.String()
}

func load(path string) (all []Result, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for lines := json.NewDecoder(f); ; {
		var r Result
		switch err := lines.Decode(&r); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("%s: result %d: %w", path, len(all)+1, err)
		}
		all = append(all, r)
	}
}

func appendLine(path string, r Result) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}

// table is the page of the newest results, the long variant of a test before the short one.
func table(all []Result) string {
	var b strings.Builder
	b.WriteString(`# What a run survives

Written by ` + "`go run ./benchmarks/reliability -record`" + ` from results/reliability.jsonl; the newest run of each variant counts. ` + "`make rel-N`" + ` runs
test N, ` + "`make rel-N-full`" + ` its long variant; ` + "`RECORD=1`" + ` adds the figures. "Worst" is the worst of all repetitions.

| test | variant | result | checks | figure | repetitions | worst | allowed | seed | seconds | commit |
|---|---|---|---:|---|---:|---:|---:|---|---:|---|
`)
	machines := map[string]bool{}
	for n := range suite {
		for _, long := range []bool{true, false} {
			var r *Result
			for k := range all {
				if all[k].Test == n+1 && all[k].Full == long {
					r = &all[k]
				}
			}
			if r == nil {
				continue
			}
			machines[r.Machine] = true
			result := "passed"
			if !r.Passed {
				result = "**failed**: " + strings.Join(r.Fails, ", ")
			}
			if k := len(r.Skips); k > 0 {
				result += fmt.Sprintf(", %d skipped", k)
			}
			head := fmt.Sprintf("| %d %s | %s | %s | %d ", n+1, suite[n].title, map[bool]string{true: "full", false: "short"}[long], result, r.Passes)
			tail := fmt.Sprintf("| %.0f | %s |\n", r.Seconds, r.Commit)
			rows := 0
			for _, f := range r.Figures {
				if f.What == "" {
					continue
				}
				if rows > 0 {
					head, tail = "| | | | ", "| | |\n"
				}
				fmt.Fprintf(&b, "%s| %s | %g | %.3g | %.3g | %s %s", head, f.What, f.Repetitions, f.Worst, f.Allowed, f.Seed, tail)
				rows++
			}
			if rows == 0 {
				fmt.Fprintf(&b, "%s| | | | | %s", head, tail)
			}
		}
	}
	b.WriteString("\nMachines: ")
	b.WriteString(strings.Join(sorted(machines), "; "))
	b.WriteString(".\n")
	return b.String()
}
