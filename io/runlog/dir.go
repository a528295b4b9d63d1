// Package runlog looks after the folder of a run: its lock, its log of reports, and what the user sees while it runs. Rank 0
// only.
package runlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Names of what a run writes into its folder.
const (
	SolutionName      = "solution.h5"
	SideCarName       = "solution.xdmf"
	LogName           = "log.jsonl"
	EventsName        = "events.jsonl"
	ReportName        = "report.html"
	JobName           = "job.toml" // the job as it ran
	HistoryPicture    = "history.png"
	DecompPicture     = "decomposition.png"
	LinearPicture     = "linear.png"
	TraceName         = "trace.json"
	SlurmName         = "slurm" // folder of scripts and their logs, which submit writes before the run is there
	lockName          = ".lock"
	solutionPrefix    = "solution-" // solution-<unknown>.png
	checkpointPrefix  = "checkpoint-"
	temporaryFileMark = ".tmp"
)

// SolutionPicture is the name of the picture of an unknown.
func SolutionPicture(unknown string) string { return solutionPrefix + unknown + ".png" }

// Dir is the locked folder of a run.
type Dir struct {
	path string
	lock *os.File
}

// OpenDir makes or opens the folder of a run and locks it. A folder that holds anything is refused unless resume is set,
// which goes on in it, or force, which first deletes the files that this program writes, by name, and nothing else. Resuming
// in a new folder is allowed: job scripts that are resubmitted always ask for it.
func OpenDir(path string, force, resume bool) (*Dir, error) {
	if force && resume {
		return nil, errors.New("run folder: --force and --resume exclude each other")
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	d := &Dir{path: path, lock: lock}
	// The lock belongs to the open file: the system releases it with the process, however that ends.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("run folder %s: another run is writing into it; give another --out or wait", path)
		}
		return nil, fmt.Errorf("run folder %s: lock: %w; if its file system keeps no locks (Lustre does with the mount option flock), give --out on another", path, err)
	}
	if err := d.prepare(force, resume); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Dir) prepare(force, resume bool) error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	for _, e := range entries {
		switch {
		case beside(e.Name()) || resume:
		case !force:
			return fmt.Errorf("run folder %s: %w and holds %s; --resume goes on, --force replaces its results, --out chooses another",
				d.path, os.ErrExist, e.Name())
		case own(e.Name()) && e.Type().IsRegular():
			if err := os.Remove(d.File(e.Name())); err != nil {
				return fmt.Errorf("run folder: %w", err)
			}
		}
	}
	return nil
}

// beside tells whether a name in a folder is no part of a run.
func beside(name string) bool { return name == lockName || name == SlurmName }

// Used names something that a run has left in a folder; empty if there is nothing, or no folder.
func Used(path string) (string, error) {
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("run folder: %w", err)
	}
	for _, e := range entries {
		if !beside(e.Name()) {
			return e.Name(), nil
		}
	}
	return "", nil
}

// own reports whether a file name is one that a run writes.
func own(name string) bool {
	// Temporaries are hidden files that carry the final name: .solution.h5.tmp
	if inner, ok := strings.CutSuffix(name, temporaryFileMark); ok {
		inner, ok = strings.CutPrefix(inner, ".")
		return ok && own(inner)
	}
	switch name {
	case SolutionName, SideCarName, LogName, EventsName, ReportName, JobName, HistoryPicture, DecompPicture, LinearPicture, TraceName:
		return true
	}
	if strings.HasPrefix(name, solutionPrefix) && strings.HasSuffix(name, ".png") {
		return true
	}
	if step, ok := strings.CutPrefix(name, checkpointPrefix); ok {
		for _, ext := range []string{".h5", ".json"} {
			if digits, ok := strings.CutSuffix(step, ext); ok && digits != "" && strings.Trim(digits, "0123456789") == "" {
				return true
			}
		}
	}
	return false
}

// Path is the folder.
func (d *Dir) Path() string { return d.path }

// File is the path of a file in the folder.
func (d *Dir) File(name string) string { return filepath.Join(d.path, name) }

// Close releases the lock.
func (d *Dir) Close() error { return d.lock.Close() }
