// Package launch writes job scripts for Slurm from the templates beside it: header.sbatch is what they ask for, run.sbatch trains a
// job however many time limits that takes, study.sbatch measures the points of a scaling study. The folder examples shows what
// comes out.
package launch

import (
	"embed"
	"fmt"
	"io"
	"strings"
	"text/template"
)

//go:embed *.sbatch
var files embed.FS

// Allocation is what a script asks Slurm for, and how it starts ranks in it.
type Allocation struct {
	Name         string   // of the job in the queue
	Log          string   // file for all that is said, where Slurm fills in %j and the like; see Verbatim
	Nodes        int      // of these,
	RanksPerNode int      // each holds so many ranks,
	CPUs         int      // each of which has so many cores
	GPU          bool     // and a card
	Time         string   // limit as Slurm writes it; empty: that of the partition
	Partition    string   // empty: Slurm's default, here and below
	Account      string   //
	Options      []string // more of sbatch, such as --mem=16G
	Setup        []string // lines of shell before anything is started, such as module load openmpi
	Launcher     string   // srun or mpirun
}

// Ranks is their number in all.
func (a Allocation) Ranks() int { return a.Nodes * a.RanksPerNode }

// Launch is the command, in shell, that starts the ranks of a program. srun is told the cores of a rank again, which it forgets since
// Slurm 22.05; mpirun knows of slots only.
func (a Allocation) Launch() string {
	if a.Launcher == "mpirun" {
		return fmt.Sprintf("mpirun -np %d --map-by slot:PE=%d --bind-to core", a.Ranks(), a.CPUs)
	}
	return fmt.Sprintf("srun --mpi=pmix --ntasks=%d --cpus-per-task=%d --kill-on-bad-exit=1", a.Ranks(), a.CPUs)
}

// Input is what a script works on.
type Input struct {
	Program string // this program
	Job     string // file with the job
	SHA256  string // of that file: the script refuses another
}

// Run is a script that trains one job.
type Run struct {
	Allocation
	Input
	Margin int      // seconds between the request to end with a checkpoint and the time limit
	Folder string   // of the run
	Flags  []string // more of fbpinn-mpi run
}

// WriteRun writes the script of a run.
func WriteRun(w io.Writer, r Run) error { return write(w, "run.sbatch", r) }

// Study is a script that measures points of a scaling study, all on as many ranks as the allocation has, or collects them.
type Study struct {
	Allocation
	Input
	Kind  string   // weak or strong
	Array string   // numbers of the points, as sbatch --array takes them; empty: the script collects
	Flags []string // more of fbpinn-mpi scale, the same for all scripts of a study
}

// WriteStudy writes a script of a scaling study.
func WriteStudy(w io.Writer, s Study) error { return write(w, "study.sbatch", s) }

// Verbatim protects a path in Log from Slurm, which fills in what % starts.
func Verbatim(path string) string { return strings.ReplaceAll(path, "%", "%%") }

func write(w io.Writer, name string, data any) error {
	t, err := template.New(name).Funcs(template.FuncMap{"sh": Quote, "option": option}).ParseFS(files, "*.sbatch")
	if err != nil {
		panic("launch: " + err.Error())
	}
	return t.Execute(w, data)
}

// Quote makes one word of shell of a text.
func Quote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// option makes one word of a #SBATCH line, which Slurm cuts at blanks outside double quotes; a backslash protects what follows.
func option(s string) string {
	if !strings.ContainsAny(s, " \t\"'\\#") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
