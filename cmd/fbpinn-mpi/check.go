package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/io/snapshot"
	"fbpinn-mpi/jobs"
	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/cpu"
	"fbpinn-mpi/solver"
)

func checkCommand() *cobra.Command {
	var set []string
	var ranks []int
	c := &cobra.Command{
		Use:   "check JOB",
		Short: "Say what a job means and what it needs, without MPI and without running it",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := load(args[0], set)
			if err != nil {
				return err
			}
			if err := l.describe(c.OutOrStdout()); err != nil {
				return err
			}
			for _, n := range ranks {
				if n < 1 {
					return fmt.Errorf("--ranks %d: give positive numbers", n)
				}
				y := l.windows[0].laidOut(n)
				fmt.Fprintf(c.OutOrStdout(), "ranks       %v\n", &y)
			}
			return nil
		},
	}
	setFlag(c, &set)
	c.Flags().IntSliceVar(&ranks, "ranks", nil, "also say what these numbers of ranks would exchange, such as 64,512")
	return c
}

func setFlag(c *cobra.Command, set *[]string) {
	c.Flags().StringArrayVar(set, "set", nil, "override a key of the job, such as train.steps=500; repeatable")
}

// describe prints the job as understood, and its size.
func (l *loaded) describe(w io.Writer) error {
	job, p := l.job, l.problem
	if job.Title != "" {
		fmt.Fprintln(w, job.Title)
	}
	if job.Reference != "" {
		fmt.Fprintf(w, "(%s)\n", job.Reference)
	}
	fmt.Fprintln(w)
	for _, a := range job.Domain {
		periodic := ""
		if a.Periodic {
			periodic = ", periodic"
		}
		fmt.Fprintf(w, "coordinate  %s in [%.6g, %.6g]%s\n", a.Name, a.Lo, a.Hi, periodic)
	}
	for _, b := range jobs.Removed(job) {
		fmt.Fprintf(w, "removed     %s\n", ranges(job, b))
	}
	for _, v := range job.Parameters {
		fmt.Fprintf(w, "parameter   %s = %.10g\n", v.Name, p.Params[v.Name])
	}
	for k, u := range p.Unknowns {
		if p.Ansatz[k] != nil {
			fmt.Fprintf(w, "ansatz      %s := %s\n", u, p.Ansatz[k])
		}
	}
	points, first := solver.Sample(p, l.settings.Seed)
	for t, term := range p.Terms {
		fmt.Fprintf(w, "\nterm        %s: %d points%s\n", term.Name, first[t+1]-first[t], gauss(term))
		for e, text := range term.Echo {
			fmt.Fprintf(w, "            %s    (weight %.6g, needs %s)\n", text, term.Weights[e], term.Needs[e])
		}
		fmt.Fprintf(w, "            program: %d planes computed once, %d operations a point for residual and adjoint\n",
			len(term.Program.Columns), len(term.Program.Gradient.Code))
	}
	var names []string
	coords := make([]string, len(job.Domain))
	for a := range coords {
		coords[a] = job.Domain[a].Name
	}
	for c := range p.Jets.Index {
		names = append(names, p.Jets.Name("u", coords, c))
	}
	fmt.Fprintf(w, "\nderivatives each network delivers %d values: %s\n\n", p.Jets.N(), strings.Join(names, " "))
	pairs, byLevel := l.pairsPerStep(points)
	parameters := 0
	fmt.Fprintln(w, "level  subdomains  parameters       pairs  kernel")
	for i, level := range l.model.Dec.Levels {
		net := l.model.Nets[i]
		n := level.Len() * net.Params()
		parameters += n
		choose := kernelName[float32]
		if job.Train.Precision == "float64" {
			choose = kernelName[float64]
		}
		kernel, err := choose(net, p.Jets)
		if err != nil {
			return complain(job, "network", err.Error(), "")
		}
		fmt.Fprintf(w, "%5d  %10d  %10d  %10d  %s\n", i+1, level.Len(), n, byLevel[i], kernel)
	}
	fmt.Fprintf(w, "total  %10d  %10d  %10d\n\n", l.model.Dec.Subdomains(), parameters, pairs)
	l.places(w)
	fmt.Fprintf(w, "memory      about %s over all ranks, in %s\n", bytes(l.trainingBytes(len(points[0]), pairs)), job.Train.Precision)
	var stages []string
	for _, s := range job.Train.Stages {
		stages = append(stages, fmt.Sprintf("%s, %d steps", s.Solver, s.Steps))
	}
	fmt.Fprintf(w, "training    %s; seed %d\n", strings.Join(stages, ", then "), job.Train.Seed)
	for _, text := range p.Warnings {
		fmt.Fprintf(w, "warning     %s\n", text)
	}
	return l.needs(w)
}

// needs prints what stages of second order would need on one rank, in the first window.
func (l *loaded) needs(w io.Writer) error {
	if !l.secondOrder() {
		return nil
	}
	v := l.windows[0]
	set := v.settings
	set.Newton.Linear.Workers = runtime.GOMAXPROCS(0)
	needs, err := solver.Needs(v.problem, v.model, set)
	if err != nil {
		return err
	}
	for k, n := range needs {
		if n == nil {
			continue
		}
		perColumn := float64(n.Rows) / float64(n.Unknowns)
		fmt.Fprintf(w, "linear      %s: %d unknowns at most, %d rows, %.3g rows a column\n", set.Stages[k].Method, n.Unknowns, n.Rows, perColumn)
		fmt.Fprintf(w, "            factor on one rank, if the filter drops nothing: %d entries, %.3g operations\n", n.FactorEntries, n.FactorFlops)
		fmt.Fprintf(w, "matrix      %s\n", n)
		if perColumn < solver.FewRows {
			fmt.Fprintf(w, "warning     fewer than %d rows a column: least squares fits noise between the points; give more points\n", solver.FewRows)
		}
	}
	return nil
}

// kernelName says which kernel a network gets, by opening an empty plan.
func kernelName[T kernels.Real](net kernels.Net, set kernels.Jets) (string, error) {
	k, err := cpu.New[T]().Open(&kernels.Plan[T]{Net: net, Jets: set, Scale: make([]T, net.Out), Shift: make([]T, net.Out)})
	if err != nil {
		return "", err
	}
	defer k.Close()
	return k.Name(), nil
}

func infoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "info FILE.h5",
		Short: "Say what is in a solution or checkpoint file, and who made it",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := snapshot.Info(args[0])
			if err == nil {
				fmt.Fprint(c.OutOrStdout(), text)
			}
			return err
		},
	}
}

func keysCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keys",
		Short: "List every key of a job file with type, unit, default and meaning",
		Args:  cobra.NoArgs,
		Run: func(c *cobra.Command, _ []string) {
			fmt.Fprint(c.OutOrStdout(), jobfile.Help())
		},
	}
}
