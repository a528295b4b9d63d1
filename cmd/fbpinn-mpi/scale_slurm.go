package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"fbpinn-mpi/jobs/launch"
)

// studyScript is a script of a study with the name that its file begins with.
type studyScript struct {
	launch.Study
	name string
}

// onlySlurm prepares the flags that are for Slurm, or refuses them where it is not asked for.
func (o *scaleOptions) onlySlurm(flags *pflag.FlagSet) (err error) {
	if !o.onSlurm {
		flags.VisitAll(func(f *pflag.Flag) {
			if f.Changed {
				err = fmt.Errorf("--%s belongs to --slurm: give both or neither", f.Name)
			}
		})
		return err
	}
	if o.slurm.launcher = o.launcher; o.launcher == "" {
		o.slurm.launcher = "srun"
	}
	if o.backend != "auto" {
		return errors.New("--backend: with --slurm it is cuda with --gpu and cpu without")
	}
	if o.backend = "cpu"; o.slurm.gpu {
		o.backend = "cuda"
	}
	return nil
}

// submit hands the study to Slurm: an array for each number of ranks, whose tasks are the points that are not measured yet, and
// behind them a job that collects. flags are all those of the command that the scripts repeat.
func (s *study) submit(w io.Writer, flags []string) error {
	if s.point != 0 || s.collect {
		return errors.New("--slurm submits all points and collects them: give it without --point and --collect")
	}
	var err error
	if s.dir, err = filepath.Abs(s.dir); err != nil {
		return coded{err, exitFailure}
	}
	scripts, err := s.scripts(flags)
	if err != nil {
		return err
	}
	if len(scripts) == 1 {
		fmt.Fprintln(w, "all points are measured; --force measures them again")
		return s.assemble(w)
	}
	if !s.slurm.dryRun {
		if err := freeze(scripts[0].Job, s.base.job.Text); err != nil {
			return err
		}
	}
	var ids []string
	for _, script := range scripts {
		var text strings.Builder
		if err := launch.WriteStudy(&text, script.Study); err != nil {
			return err
		}
		if s.slurm.dryRun {
			fmt.Fprintf(w, "%s\n", text.String())
			continue
		}
		file, err := keep(s.dir, script.name, text.String())
		if err != nil {
			return err
		}
		var after []string
		if script.Array == "" {
			after = append(after, "--dependency=afterany:"+strings.Join(ids, ":"))
		}
		id, err := sbatch(append(after, file)...)
		if err != nil {
			return err
		}
		ids = append(ids, id)
		fmt.Fprintf(w, "job %s: %s, script %s\n", id, script.name, file)
	}
	return nil
}

// scripts are those of the study, the one that collects last.
func (s *study) scripts(flags []string) (list []studyScript, err error) {
	input, err := frozen(s.base, s.dir)
	if err != nil {
		return nil, err
	}
	flags = append(flags, "--out="+s.dir, "--backend="+s.backend)
	for _, n := range s.ranks {
		var array []string
		for k, p := range s.points() {
			if p.ranks != n {
				continue
			}
			measured, err := s.measured(p)
			if err != nil {
				return nil, err
			}
			if !measured {
				array = append(array, strconv.Itoa(k+1))
			}
		}
		if len(array) == 0 {
			continue
		}
		script := studyScript{launch.Study{Input: input, Kind: s.kind, Array: strings.Join(array, ","), Flags: flags}, fmt.Sprintf("ranks-%d", n)}
		if s.force {
			script.Flags = append(slices.Clone(flags), "--force")
		}
		if script.Allocation, err = s.slurm.allocation(s.base.name()+"-"+s.kind, n, s.dir, script.name+"-%A-%a.out"); err != nil {
			return nil, err
		}
		list = append(list, script)
	}
	last := studyScript{launch.Study{Input: input, Kind: s.kind, Flags: flags}, "collect"}
	one := s.slurm
	one.gpu, one.ranksPerNode = false, 0
	last.Allocation, err = one.allocation(s.base.name()+"-"+s.kind, 1, s.dir, last.name+"-%j.out")
	return append(list, last), err
}

// measured tells whether a point need not be run.
func (s *study) measured(p scalePoint) (bool, error) {
	if s.force {
		return false, nil
	}
	m, err := s.read(p)
	return m != nil, err
}

// repeated lists the flags that were given, but those which are for Slurm only or which the scripts set themselves.
func repeated(all, slurm *pflag.FlagSet) (list []string) {
	own := []string{"slurm", "launcher", "set", "out", "backend", "force"}
	all.Visit(func(f *pflag.Flag) {
		if slurm.Lookup(f.Name) != nil || slices.Contains(own, f.Name) {
			return
		}
		value := f.Value.String()
		if v, ok := f.Value.(pflag.SliceValue); ok {
			value = strings.Join(v.GetSlice(), ",")
		}
		list = append(list, "--"+f.Name+"="+value)
	})
	return list
}
