// Command fbpinn-mpi solves partial differential equations with multilevel finite-basis physics-informed neural networks, on
// one rank or many.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"fbpinn-mpi/io/checkpoint"
	"fbpinn-mpi/io/jobfile"
)

// Exit codes.
const (
	exitInput      = 64 // the job or the command line is wrong
	exitCheckpoint = 65 // --resume found no valid checkpoint
	exitNumerical  = 70 // training ended without a usable solution
	exitFailure    = 71 // a rank, a device or the file system failed
	exitResubmit   = 75 // stopped in time; run again with --resume
)

// coded is an error with the exit code that it deserves.
type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// errQuiet is the error of a rank that has nothing to add to the message of rank 0.
var errQuiet = errors.New("see the message of rank 0")

// MPI is initialised with MPI_THREAD_FUNNELED: everything that calls it stays on the first thread.
func init() { runtime.LockOSThread() }

func main() {
	err := command().Execute()
	if err == nil {
		return
	}
	code := exitInput
	var c coded
	var bad *jobfile.Error
	switch {
	case errors.As(err, &c):
		code = c.code
	case errors.As(err, &bad):
	case errors.Is(err, checkpoint.ErrNone):
		code = exitCheckpoint
	}
	if !errors.Is(err, errQuiet) {
		fmt.Fprintln(os.Stderr, "fbpinn-mpi:", err)
	}
	os.Exit(code)
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "fbpinn-mpi",
		Short: "Multilevel finite-basis physics-informed neural networks over MPI",
		Long: `Multilevel finite-basis physics-informed neural networks over MPI.

A job is one TOML file whose equations are strings (see jobs/). Start with

  fbpinn-mpi check jobs/burgers/job.toml              what the program understands, without running it
  mpirun -np 2 fbpinn-mpi run jobs/burgers/job.toml   train, and write solution.h5 and pictures
  fbpinn-mpi watch runs/burgers                       a running job, from its files
  fbpinn-mpi submit jobs/burgers/job.toml             the same under Slurm, through as many time limits as it takes
  fbpinn-mpi compare runs/a runs/b                    error against time of runs and of the classical solver
  fbpinn-mpi keys                                     every key of a job file

Exit codes: 0 done, 64 bad input, 65 no valid checkpoint to resume from, 70 training failed: not finite, or blown up,
71 a rank or the file system failed, 75 stopped in time (run again with --resume).`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(runCommand(), submitCommand(), checkCommand(), plotCommand(), watchCommand(), reportCommand(), compareCommand(), scaleCommand(), predictCommand(), infoCommand(), keysCommand(), benchCommand())
	return root
}
