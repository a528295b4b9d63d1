package main

import (
	"fmt"
	"io"

	"fbpinn-mpi/io/scaling"
)

// read returns the measurement of a point, nil if there is none yet, and an error if it is of another job.
func (s *study) read(p scalePoint) (*scaling.Point, error) {
	m, err := scaling.ReadPoint(s.file(p))
	if m == nil || err != nil {
		return nil, err
	}
	set, err := s.overrides(p.ranks)
	if err != nil {
		return nil, err
	}
	l, err := load(s.job, set)
	if err != nil {
		return nil, err
	}
	if m.ConfigSHA256 != l.job.SHA256 || m.Ranks != p.ranks || m.WarmUp != s.warmSteps() {
		return nil, fmt.Errorf("%s is of another job or of other numbers of steps; --force measures again, --out chooses another folder", s.file(p))
	}
	return m, nil
}

// said is a measurement in a line.
func (s *study) said(p scalePoint, m *scaling.Point) string {
	return fmt.Sprintf("%d ranks, repetition %d: %.4g s", p.ranks, p.repeat, m.Seconds/m.Unit())
}

// assemble makes the files of the study from the points that are there.
func (s *study) assemble(w io.Writer) error {
	return nil
}
