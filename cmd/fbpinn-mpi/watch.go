package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fbpinn-mpi/io/runlog"
)

type watchOptions struct {
	once  bool
	every time.Duration
}

func watchCommand() *cobra.Command {
	var o watchOptions
	c := &cobra.Command{
		Use:   "watch RUN",
		Short: "Show a running job from its files, on any machine that sees its folder",
		Long: `Show a running job from its files, on any machine that sees its folder: its state and where it is, loss and error
with their curves, rate and time left. It reads log.jsonl and events.jsonl as they grow, takes no lock and starts no MPI.

  fbpinn-mpi watch runs/burgers            a screen that is drawn again every 2 s, until the run is over
  fbpinn-mpi watch runs/burgers --once     the screen once
  fbpinn-mpi watch runs/burgers | tee log  a line whenever there is news

Exit codes are those of the run: 0 finished or running, 75 stopped (run again with --resume), 70 not finite, 71 failed, killed
(its process is gone without a last word) or stale (no word for a minute and for five times the longest pause between two
reports; it may still run on another machine), 64 no run in the folder.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if o.every <= 0 {
				return fmt.Errorf("--every %v: give a positive time, such as 2s", o.every)
			}
			return showRun(c.OutOrStdout(), runlog.Terminal(os.Stdout), args[0], o)
		},
	}
	c.Flags().BoolVar(&o.once, "once", false, "show it once and end")
	c.Flags().DurationVar(&o.every, "every", 2*time.Second, "time between two looks at the files")
	return c
}

// plain is the size of a screen that is drawn into a file.
func plain() (columns, rows int) { return 100, 30 }

// showRun shows a run until it is over. size is that of the terminal which w is, nil if it is none.
func showRun(w io.Writer, size func() (columns, rows int), dir string, o watchOptions) error {
	if st, err := os.Stat(dir); err != nil {
		return err
	} else if !st.IsDir() {
		return fmt.Errorf("%s is no folder: give the one that run writes into", dir)
	}
	colour := size != nil
	if o.once && size == nil {
		size = plain
	}
	v := runlog.NewView(dir)
	shown := ""
	for {
		if err := v.Read(); err != nil {
			return coded{err, exitFailure}
		}
		if v.Empty() {
			return fmt.Errorf("%s: no run there: neither %s nor %s; give the folder that run writes into (--out, else runs/<job>)", dir,
				runlog.EventsName, runlog.LogName)
		}
		now := time.Now()
		text := v.Line(now)
		if size != nil {
			columns, rows := size()
			text = v.Screen(now, columns, rows, colour)
		}
		switch {
		case o.once:
			fmt.Fprint(w, text)
		case size != nil:
			fmt.Fprint(w, redrawn(text, shown == ""))
		case text != shown:
			fmt.Fprintln(w, text)
		}
		shown = text
		j := v.Judge(now)
		if o.once || j.State.Over() {
			return wayOut(j)
		}
		time.Sleep(o.every)
	}
}

// redrawn puts a screen over the one before, without the flicker of an empty one between.
func redrawn(text string, first bool) string {
	const home, restOfLine, rest, all = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[2J"
	text = home + strings.ReplaceAll(text, "\n", restOfLine+"\n") + rest
	if first {
		text = all + text
	}
	return text
}

// wayOut is the exit code of a run as that of those who watched it.
func wayOut(j runlog.Judgement) error {
	code := 0
	switch j.State {
	case runlog.Halted:
		code = exitResubmit
	case runlog.Broken:
		code = j.Last.Code
	case runlog.Killed, runlog.Silent:
		code = exitFailure
	}
	if code == 0 {
		return nil
	}
	return coded{errQuiet, code}
}
