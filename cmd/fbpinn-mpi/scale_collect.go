package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"fbpinn-mpi/io/h5"
	"fbpinn-mpi/io/plot"
	"fbpinn-mpi/io/scaling"
)

// Files of a study, beside its points.
const (
	scaleFile    = "scale.h5"
	scaleTable   = "scale.csv"
	scalePicture = "scale.png"
)

// read returns the measurement of a point, nil if there is none yet, and an error if it is of another job.
func (s *study) read(p scalePoint) (*scaling.Point, error) {
	m, err := scaling.ReadPoint(s.file(p))
	if m == nil || err != nil {
		return nil, err
	}
	l, err := load(s.job, s.overrides(p.ranks))
	if err != nil {
		return nil, err
	}
	if m.ConfigSHA256 != l.job.SHA256 || m.Ranks != p.ranks || m.WarmUp != s.warmSteps() {
		return nil, fmt.Errorf("%s was measured with another job, or other --steps or --warm-up; --force measures again, --out chooses another folder", s.file(p))
	}
	return m, nil
}

// said is a measurement in a line.
func said(p scalePoint, m *scaling.Point) string {
	text := fmt.Sprintf("%s: %s %.4g s", p, timeOf(m), scaling.Time(m))
	if m.SecondOrder {
		text += fmt.Sprintf(", %d iterations", m.Iterations)
	}
	if m.SharedCores {
		text += fmt.Sprintf("; ranks share cores (%d), so this time says nothing", m.Cores)
	}
	return text
}

func timeOf(m *scaling.Point) string {
	if m.SecondOrder {
		return "training"
	}
	return "a step"
}

// gathered puts together the points that are there.
func (s *study) gathered() (*scaling.Study, error) {
	all := &scaling.Study{Kind: s.kind, Rule: s.rule()}
	for _, n := range s.ranks {
		row, some := scaling.Row{Ranks: n}, false
		for k := range s.repeat {
			m, err := s.read(scalePoint{n, k + 1})
			if err != nil {
				return nil, err
			}
			row.Points, some = append(row.Points, m), some || m != nil
		}
		if some {
			all.Rows = append(all.Rows, row)
		}
	}
	if len(all.Rows) == 0 {
		return nil, fmt.Errorf("%s: no point of this study has been measured yet", s.dir)
	}
	return all, nil
}

// assemble makes the files of the study from the points that are there, and prints its table.
func (s *study) assemble(w io.Writer) error {
	all, err := s.gathered()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s\n%s scaling of %s, %s: %s\n", all.Rows[0].First().Title, s.kind, s.base.job.Train.Stages[0].Solver, s.base.job.Train.Precision, all.Rule)
	if all.Rows[0].Ranks != s.ranks[0] {
		fmt.Fprintf(w, "no point of %d ranks is there: efficiencies compare with %d\n", s.ranks[0], all.Rows[0].Ranks)
	}
	printScaling(w, all)
	path := func(name string) string { return filepath.Join(s.dir, name) }
	if err := all.WriteH5(path(scaleFile), s.provenance(all)); err != nil {
		return coded{err, exitFailure}
	}
	var text strings.Builder
	if err = all.WriteCSV(&text); err == nil {
		err = os.WriteFile(path(scaleTable), []byte(text.String()), 0o644)
	}
	if err == nil {
		err = plot.Scaling(path(scalePicture), all)
	}
	if err != nil {
		return coded{err, exitFailure}
	}
	fmt.Fprintf(w, "\nfile             %s\ntable            %s\npicture          %s\n", path(scaleFile), path(scaleTable), path(scalePicture))
	return nil
}

// rule says how the job changes with the ranks.
func (s *study) rule() string {
	if s.kind == "strong" {
		return "the same job on all ranks"
	}
	var names []string
	for _, a := range s.along {
		names = append(names, s.base.job.Domain[a].Name)
	}
	what := "subdomains and points"
	if s.grow {
		what = "domain, subdomains and points"
	}
	return fmt.Sprintf("%s multiplied by the number of ranks along %s", what, strings.Join(names, ", "))
}

// provenance is that of the first measurement, with what the whole study has in common.
func (s *study) provenance(all *scaling.Study) []h5.Attr {
	first := all.Rows[0].First()
	attrs := []h5.Attr{
		{Name: "kind", Value: all.Kind},
		{Name: "rule", Value: all.Rule},
		{Name: "solver", Value: first.Solver},
		{Name: "warm_up_steps", Value: int64(first.WarmUp)},
		{Name: "launcher", Value: strings.Join(s.command(s.ranks[0]), " ")},
		{Name: "seed", Value: s.base.job.Train.Seed},
	}
	for _, name := range slices.Sorted(maps.Keys(first.Provenance)) {
		value := first.Provenance[name]
		switch name {
		case "history":
			value = time.Now().UTC().Format(time.RFC3339) + " " + commandLine() + "\n" + value
		case "program_version", "hostname", "slurm_job_id":
			value = everywhere(all, name)
		}
		attrs = append(attrs, h5.Attr{Name: name, Value: value})
	}
	return attrs
}

// everywhere lists the values of an attribute over all measurements.
func everywhere(all *scaling.Study, name string) string {
	var list []string
	for _, r := range all.Rows {
		for _, p := range r.Points {
			if p != nil && !slices.Contains(list, p.Provenance[name]) {
				list = append(list, p.Provenance[name])
			}
		}
	}
	return strings.Join(list, " ")
}

// printScaling prints the results.
func printScaling(w io.Writer, s *scaling.Study) {
	second := s.Rows[0].First().SecondOrder
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nranks\tpairs a rank\timbalance\tbytes a rank\tmessages\tefficiency in work\t")
	if second {
		fmt.Fprint(t, "iterations\ttraining, s\ts an iteration\trange\tefficiency\twaiting\t\n")
	} else {
		fmt.Fprint(t, "ms a step\trange\tefficiency\twaiting\t\n")
	}
	columns := map[string][]float64{}
	for _, c := range s.Columns() {
		columns[c.Name] = c.Values
	}
	shared := false
	for i := range s.Rows {
		r := &s.Rows[i]
		at := func(name string) float64 { return columns[name][i] }
		fmt.Fprintf(t, "%d\t%.0f\t%.3f\t%s\t%.4g\t%s\t", r.Ranks, at("pairs_mean"), at("imbalance"), bytes(at("bytes_most")), at("messages_most"), percent(at("work_efficiency")))
		if second {
			fmt.Fprintf(t, "%.0f\t", at("iterations"))
		}
		if r.Shared() {
			shared = true
			fmt.Fprint(t, strings.Repeat("-\t", map[bool]int{true: 5, false: 4}[second]), "\n")
			continue
		}
		scale := 1e3
		if second {
			scale = 1
		}
		fmt.Fprintf(t, "%.4g\t", scale*at("seconds"))
		if second {
			fmt.Fprintf(t, "%.4g\t", at("seconds_iteration"))
		}
		fmt.Fprintf(t, "%.4g .. %.4g\t%s\t%s\t\n", scale*at("seconds_least"), scale*at("seconds_most"), percent(at("efficiency")), percent(at("exposed")/at("seconds")))
	}
	t.Flush()
	if shared {
		fmt.Fprintln(w, "-: ranks shared cores, so that times say nothing about scaling; work, iterations and messages do not depend on it")
	}
}

func percent(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*x)
}
