package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"fbpinn-mpi/io/runlog"
	"fbpinn-mpi/jobs/launch"
)

// slurmOptions are the flags of commands that write scripts for Slurm.
type slurmOptions struct {
	ranksPerNode, cpus       int
	gpu                      bool
	time, partition, account string
	options, setup           []string
	launcher                 string
	dryRun                   bool
}

func (o *slurmOptions) flags(f *pflag.FlagSet) {
	f.IntVar(&o.ranksPerNode, "ranks-per-node", 0, "ranks on a node, or cards with --gpu (default: all on one node)")
	f.IntVar(&o.cpus, "cpus", 1, "cores of a rank")
	f.BoolVar(&o.gpu, "gpu", false, "one card a rank")
	f.StringVar(&o.time, "time", "", "time limit as sbatch takes it: minutes, h:mm:ss, or d-hh:mm:ss (default: that of the partition)")
	f.StringVar(&o.partition, "partition", "", "partition of the cluster")
	f.StringVar(&o.account, "account", "", "account that pays")
	f.StringArrayVar(&o.options, "sbatch", nil, "another option of sbatch, such as --mem=16G; repeatable")
	f.StringArrayVar(&o.setup, "setup", nil, `line of shell to start with, such as "module load openmpi"; repeatable`)
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would be submitted; write and submit nothing")
}

// allocation checks the flags. The log goes into the folder's own folder for Slurm.
func (o slurmOptions) allocation(name string, ranks int, folder, log string) (launch.Allocation, error) {
	a := launch.Allocation{Name: name, Log: launch.Verbatim(slurmFolder(folder)+string(filepath.Separator)) + log, Nodes: 1, RanksPerNode: ranks, CPUs: o.cpus, GPU: o.gpu,
		Time: o.time, Partition: o.partition, Account: o.account, Options: o.options, Setup: o.setup, Launcher: o.launcher}
	switch k := o.ranksPerNode; {
	case ranks < 1:
		return a, fmt.Errorf("--ranks %d: give at least 1", ranks)
	case k < 0:
		return a, fmt.Errorf("--ranks-per-node %d: give at least 1, or leave it out for one node", k)
	case k > 0 && ranks > k && ranks%k != 0:
		return a, fmt.Errorf("%d ranks do not fill nodes of %d (--ranks-per-node): give %d or %d ranks", ranks, k, ranks-ranks%k, ranks-ranks%k+k)
	case k > 0 && ranks > k:
		a.Nodes, a.RanksPerNode = ranks/k, k
	}
	switch {
	case o.cpus < 1:
		return a, fmt.Errorf("--cpus %d: give at least 1", o.cpus)
	case o.launcher != "srun" && o.launcher != "mpirun":
		return a, fmt.Errorf("--launcher %q: give srun or mpirun", o.launcher)
	}
	for _, s := range o.options {
		if !strings.HasPrefix(s, "-") {
			return a, fmt.Errorf("--sbatch %q: give the option with its dashes, such as --sbatch=--mem=16G", s)
		}
	}
	for _, s := range append(append([]string{o.time, o.partition, o.account, folder}, o.options...), o.setup...) {
		if strings.ContainsAny(s, "\n\r\x00") {
			return a, fmt.Errorf("%q has more than one line; the script has one for each", s)
		}
	}
	if o.gpu {
		return a, cardsProgram()
	}
	return a, nil
}

// cardsProgram wants the program for cards, which may have been built on a machine without any.
func cardsProgram() error {
	self, err := os.Executable()
	if err != nil {
		return coded{fmt.Errorf("find this program: %w", err), exitFailure}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(self), siblingName)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--gpu: %s is missing beside this program; build it with: make cuda", siblingName)
	}
	return nil
}

// slurmFolder is where the script, the copy of the job and the log of a folder lie.
func slurmFolder(folder string) string { return filepath.Join(folder, runlog.SlurmName) }

// digestLength is how much of a digest names a file.
const digestLength = 12

// frozen is what a script of a folder works on: this program, and a copy of the job under its digest, which later changes of the file
// do not touch. See freeze.
func frozen(l *loaded, folder string) (launch.Input, error) {
	in := launch.Input{Job: filepath.Join(slurmFolder(folder), "job-"+l.job.SHA256[:digestLength]+".toml"), SHA256: l.job.SHA256}
	var err error
	if in.Program, err = os.Executable(); err != nil {
		return in, coded{fmt.Errorf("find this program: %w", err), exitFailure}
	}
	return in, nil
}

// freeze writes the copy of a job.
func freeze(path, text string) error {
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		return coded{fmt.Errorf("copy of the job: %w", err), exitFailure}
	}
	return nil
}

// keep writes a script into the folder's own folder for Slurm, under a name with its digest, and returns its path.
func keep(folder, name, text string) (string, error) {
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	path := filepath.Join(slurmFolder(folder), name+"-"+digest[:digestLength]+".sbatch")
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		return "", coded{fmt.Errorf("script: %w", err), exitFailure}
	}
	return path, nil
}

// timeLimit reads a limit as Slurm writes it; 0 is none.
func timeLimit(text string) (time.Duration, error) {
	wrong := fmt.Errorf("--time %q: give minutes, such as 90, or 1:30:00, or 1-12:00:00 for a day and a half", text)
	switch strings.ToLower(text) {
	case "", "unlimited", "infinite":
		return 0, nil
	}
	m := limitForm.FindStringSubmatch(text)
	if m == nil {
		return 0, wrong
	}
	var n [4]int // days and what follows
	for i, s := range m[1:] {
		if s == "" {
			continue
		}
		v, err := strconv.Atoi(s)
		if err != nil || v > 1e6 {
			return 0, wrong
		}
		n[i] = v
	}
	units := [3]time.Duration{time.Hour, time.Minute, time.Second}
	if m[1] == "" { // without days, one number is minutes, and two are minutes and seconds
		switch {
		case m[3] == "":
			units = [3]time.Duration{time.Minute}
		case m[4] == "":
			units = [3]time.Duration{time.Minute, time.Second}
		}
	}
	d := time.Duration(n[0]) * 24 * time.Hour
	for i, u := range units {
		d += time.Duration(n[i+1]) * u
	}
	if d == 0 {
		return 0, wrong
	}
	return d, nil
}

var limitForm = regexp.MustCompile(`^(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?$`)

// sbatch submits a script and returns the number of the job.
func sbatch(arguments ...string) (string, error) {
	c := exec.Command("sbatch", append([]string{"--parsable"}, arguments...)...)
	var out, said strings.Builder
	c.Stdout, c.Stderr = &out, &said
	script := arguments[len(arguments)-1]
	switch err := c.Run(); {
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("there is no sbatch here; submit %s where Slurm is", script)
	case err != nil:
		return "", fmt.Errorf("sbatch %s: %w: %s", script, err, strings.TrimSpace(said.String()))
	}
	fmt.Fprint(os.Stderr, said.String())                          // warnings
	id, _, _ := strings.Cut(strings.TrimSpace(out.String()), ";") // the cluster's name may follow
	return id, nil
}
