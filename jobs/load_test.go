package jobs

import (
	"math"
	"path/filepath"
	"testing"

	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/solver/problem"
)

// load reads a job and builds its problem, as cmd/fbpinn-mpi does.
func load(path string) (*jobfile.Job, *problem.Problem, error) {
	job, err := jobfile.Load(path, nil)
	if err != nil {
		return nil, nil, err
	}
	if err := Resolve(job); err != nil {
		return nil, nil, err
	}
	s := Spec(job)
	for _, a := range job.Domain {
		s.Cells = append(s.Cells, []float64{a.Lo, a.Hi}) // those of one subdomain: no decomposition is made here
	}
	p, err := problem.Build(s)
	if err != nil {
		return nil, nil, Place(job, err)
	}
	return job, p, nil
}

// names lists the jobs: the folders with a job.toml.
func names(t *testing.T) []string {
	files, err := filepath.Glob("*/job.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no jobs: %v", err)
	}
	var list []string
	for _, f := range files {
		list = append(list, filepath.Dir(f))
	}
	return list
}

func deviation(u []float64) float64 {
	n, mean, squares := float64(len(u)), 0.0, 0.0
	for _, v := range u {
		mean += v / n
	}
	for _, v := range u {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / n)
}

func meanAbs(u []float64) float64 {
	sum := 0.0
	for _, v := range u {
		sum += math.Abs(v)
	}
	return sum / float64(len(u))
}
