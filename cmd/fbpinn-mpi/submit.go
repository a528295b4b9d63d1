package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fbpinn-mpi/io/runlog"
	"fbpinn-mpi/jobs/launch"
)

// submitOptions are the flags of submit.
type submitOptions struct {
	slurmOptions
	ranks  int
	margin time.Duration
	set    []string
	out    string
	resume bool
	write  string
	more   []string // flags of run, after --
}

func submitCommand() *cobra.Command {
	var o submitOptions
	c := &cobra.Command{
		Use:   "submit JOB [flags] [-- FLAGS OF RUN]",
		Short: "Train a job under Slurm, through as many time limits as it takes",
		Long: `Train a job under Slurm, through as many time limits as it takes.

The job is checked here and now. A copy of it, with what --set changes, and the script go into the folder slurm/ of the run's
folder, under names that hold their digests, and the script to sbatch. --dry-run shows the script and does neither,
--write leaves the last step to you.

The script trains with one process a rank, on processors or, with --gpu, on one card each. Ahead of the time limit (--margin),
or when Slurm takes the nodes back, it ends the training with a checkpoint, puts the job back into the queue under the
same number, and goes on from there; so it does when a node fails. When the training ends by itself, the
job ends with its exit code.

  fbpinn-mpi submit jobs/burgers/job.toml --ranks 256 --ranks-per-node 128 --time 12:00:00 --partition long
  fbpinn-mpi submit jobs/burgers/job.toml --ranks 8 --ranks-per-node 4 --gpu --cpus 16 --time 4:00:00 --account abc123

A folder with an earlier run is refused unless --resume is given. scancel --batch --signal=USR1 ID asks for a checkpoint now.`,
		Args: func(c *cobra.Command, args []string) error {
			if n := c.ArgsLenAtDash(); n >= 0 {
				args = args[:n]
			}
			return cobra.ExactArgs(1)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.more = args[1:]
			return submit(c.OutOrStdout(), args[0], o)
		},
	}
	c.Flags().IntVar(&o.ranks, "ranks", 1, "number of ranks")
	o.slurmOptions.flags(c.Flags())
	c.Flags().StringVar(&o.launcher, "launcher", "srun", "srun or mpirun")
	c.Flags().DurationVar(&o.margin, "margin", 2*time.Minute, "how long before the time limit the training is asked to end; Slurm may do so up to a minute earlier")
	setFlag(c, &o.set)
	c.Flags().StringVar(&o.out, "out", "", "folder of the run (default: output.directory of the job, else runs/<name of the job>)")
	c.Flags().BoolVar(&o.resume, "resume", false, "go on with the run in the folder")
	c.Flags().StringVar(&o.write, "write", "", "write the script into this file, and do not submit it")
	return c
}

// submit checks the job, writes its copy and the script, and hands the script to Slurm.
func submit(w io.Writer, path string, o submitOptions) error {
	if o.dryRun && o.write != "" {
		return errors.New("--dry-run writes nothing, --write writes the script: give one of them")
	}
	l, err := load(path, o.set)
	if err != nil {
		return err
	}
	script, text, err := o.script(l)
	if err != nil {
		return err
	}
	if o.dryRun {
		_, err := io.WriteString(w, text)
		return err
	}
	if err := freeze(script.Job, l.job.Text); err != nil {
		return err
	}
	if o.write != "" {
		if err := writeNew(o.write, text); err != nil {
			return err
		}
		fmt.Fprintf(w, "script %s\nsubmit it with: sbatch %s\n", o.write, launch.Quote(o.write))
		return nil
	}
	file, err := keep(script.Folder, "run", text)
	if err != nil {
		return err
	}
	id, err := sbatch(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "job %s: %s\nscript %s\nlog    %s\n", id, script.Folder, file, strings.ReplaceAll(script.Log, "%j", id))
	return nil
}

// script is the script of a job, and its text.
func (o submitOptions) script(l *loaded) (*launch.Run, string, error) {
	folder, err := filepath.Abs(l.directory(o.out))
	if err != nil {
		return nil, "", coded{err, exitFailure}
	}
	if err := o.free(folder); err != nil {
		return nil, "", err
	}
	if err := o.checkRunFlags(); err != nil {
		return nil, "", err
	}
	s := &launch.Run{Folder: folder, Flags: o.more, Margin: int(o.margin / time.Second)}
	if s.Input, err = frozen(l, folder); err != nil {
		return nil, "", err
	}
	if s.Allocation, err = o.allocation(l.name(), o.ranks, folder, "%j.out"); err != nil {
		return nil, "", err
	}
	const (
		most  = 65535           // sbatch takes no more seconds
		early = 2 * time.Minute // Slurm may ask a minute early, and a start should be worth it
	)
	limit, err := timeLimit(o.time)
	switch {
	case err != nil:
		return nil, "", err
	case o.margin < time.Second || o.margin > most*time.Second:
		return nil, "", fmt.Errorf("--margin %v: give 1s to %v, time for a step and a checkpoint", o.margin, most*time.Second)
	case limit > 0 && limit < o.margin+early:
		return nil, "", fmt.Errorf("--time %s leaves no time to train before the request to end, %v ahead of it (--margin): give at least %v, or a smaller margin",
			o.time, o.margin, o.margin+early)
	}
	var text strings.Builder
	if err := launch.WriteRun(&text, *s); err != nil {
		return nil, "", err
	}
	return s, text.String(), nil
}

// free refuses a folder that holds a run, or nothing to go on with.
func (o submitOptions) free(folder string) error {
	used, err := runlog.Used(folder)
	switch {
	case err != nil:
		return coded{err, exitFailure}
	case used != "" && !o.resume:
		return fmt.Errorf("run folder %s holds %s; --resume goes on, --out chooses another", folder, used)
	case used == "" && o.resume:
		return fmt.Errorf("--resume: there is no run in %s; --out says where it is", folder)
	}
	return nil
}

// checkRunFlags refuses what run would refuse when the nodes are there, and what the script sets itself.
func (o submitOptions) checkRunFlags() error {
	run := runCommand()
	if err := run.ParseFlags(o.more); err != nil {
		return fmt.Errorf("after --: %w; fbpinn-mpi run --help lists the flags", err)
	}
	if rest := run.Flags().Args(); len(rest) > 0 {
		return fmt.Errorf("after --: %q is no flag of run; one job is given, before it", rest[0])
	}
	var taken error
	run.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "out", "set", "resume":
			taken = fmt.Errorf("after --: give --%s to submit itself", f.Name)
		case "backend":
			taken = errors.New("after --: --backend is cuda with --gpu and cpu without")
		case "force":
			taken = errors.New("after --: --force would delete the results of every start but the last; --out chooses another folder")
		}
	})
	return taken
}

// writeNew writes a file that must not be there yet.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("--write: %s is there already; give another name", path)
	}
	if err != nil {
		return fmt.Errorf("--write: %w", err)
	}
	_, err = f.WriteString(text)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return coded{fmt.Errorf("--write: %w", err), exitFailure}
	}
	return nil
}
