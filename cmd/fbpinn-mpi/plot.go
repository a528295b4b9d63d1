package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"fbpinn-mpi/io/plot"
	"fbpinn-mpi/io/runlog"
	"fbpinn-mpi/io/snapshot"
)

func plotCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plot RUN",
		Short: "Draw the pictures of a run again from its files",
		Long: `Draw the pictures of a run again from its files: solutions, history, decomposition, and linear.png, which shows
what the filter kept, gradients, and seconds of the phases, where a solver of second order was at work.

  fbpinn-mpi plot runs/laplace-2d`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := snapshot.Read(filepath.Join(args[0], runlog.SolutionName))
			if err != nil {
				return err
			}
			paths, err := plot.All(args[0], s)
			for _, p := range paths {
				fmt.Fprintln(c.OutOrStdout(), p)
			}
			return err
		},
	}
}
