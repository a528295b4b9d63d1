package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"fbpinn-mpi/io/report"
	"fbpinn-mpi/io/runlog"
)

func reportCommand() *cobra.Command {
	var out string
	var force bool
	c := &cobra.Command{
		Use:   "report RUN",
		Short: "Make one HTML page of a run: curves, pictures, tables",
		Long: `Make one HTML page of a run from its files: curves to zoom into, pictures, errors, residuals by subdomain, times of the
phases, what the linear problems were like, messages, checkpoints, warnings, who made it with what. The page needs no network
and no other file. A run with output.figures makes it at its end; a run that goes on or failed has a page without a solution.

  fbpinn-mpi report runs/burgers                    writes runs/burgers/report.html anew
  fbpinn-mpi report runs/burgers --out page.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := report.Read(args[0], nil)
			if err != nil {
				return err
			}
			path := out
			if path == "" {
				path = filepath.Join(args[0], runlog.ReportName)
			} else if _, err := os.Lstat(path); err == nil && !force {
				return fmt.Errorf("%s: %w; give another --out, or --force to replace it", path, os.ErrExist)
			} else if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			if err := report.Write(path, r, nil); err != nil {
				return coded{err, exitFailure}
			}
			fmt.Fprintln(c.OutOrStdout(), path)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write (default: report.html in the folder of the run)")
	c.Flags().BoolVar(&force, "force", false, "replace the file that --out names")
	return c
}
