package main

import (
	"fmt"
	"time"

	"fbpinn-mpi/io/runlog"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/timeline"
)

// traceTag is the message tag of what ranks send for a trace; the solver uses others.
const traceTag = 32

// tracedPhase is a phase as ranks tell each other about it.
type tracedPhase struct{ Row, Name string }

// traceHead is what a rank says before its events.
type traceHead struct {
	Host   string
	Phases []tracedPhase
	Events int
	Lost   int // earlier ones
	End    time.Duration
}

// writeTrace lets rank 0 write the events of all ranks, one rank after the other, so that it holds those of one at a time. The clocks of
// the ranks are brought together at a barrier at the end: the events kept are the last ones. Collective; file matters on rank 0.
func writeTrace(comm mpi.Comm, t *timeline.Recorder, file string) error {
	comm.Barrier()
	head := traceHead{Host: comm.Hostname(), End: t.Now()}
	events, lost := t.Events()
	head.Events, head.Lost = len(events), lost
	for p := range t.Phases() {
		row, name := t.Name(timeline.Phase(p))
		head.Phases = append(head.Phases, tracedPhase{row, name})
	}
	heads, err := gatherAll(comm, head)
	if err != nil {
		return err
	}
	flat := make([]int64, 0, 3*len(events))
	for _, e := range events {
		flat = append(flat, int64(e.Phase), int64(e.From), int64(e.To))
	}
	if comm.Rank() > 0 {
		return mpi.Send(comm, flat, 0, traceTag)
	}
	w, err := runlog.CreateTrace(file)
	for rank, h := range heads {
		if rank > 0 { // in any case: the others must not wait for ever
			flat = make([]int64, 3*h.Events)
			if e := mpi.Recv(comm, flat, rank, traceTag); e != nil {
				return e
			}
		}
		if err == nil {
			traceRank(w, rank, h, flat, heads[0].End-h.End)
		}
	}
	if err == nil {
		err = w.Close()
	}
	return err
}

// traceRank writes the events of one rank, shifted to the clock of rank 0. What is in flight may overlap, so each such phase has a row of
// its own.
func traceRank(w *runlog.Trace, rank int, h traceHead, flat []int64, shift time.Duration) {
	rows := make([]string, len(h.Phases))
	var names []string
	number := map[string]int{}
	for p, v := range h.Phases {
		if rows[p] = v.Row; v.Row == timeline.Flight {
			rows[p] = "in flight: " + v.Name
		}
		if _, ok := number[rows[p]]; !ok {
			number[rows[p]] = len(names)
			names = append(names, rows[p])
		}
	}
	about := fmt.Sprintf("rank %d on %s", rank, h.Host)
	if h.Lost > 0 {
		about += fmt.Sprintf(" (the last %d events; %d came before)", h.Events, h.Lost)
	}
	w.Rank(rank, about, names)
	for i := 0; i < len(flat); i += 3 {
		p := flat[i]
		w.Span(rank, number[rows[p]], h.Phases[p].Name, time.Duration(flat[i+1])+shift, time.Duration(flat[i+2])+shift)
	}
}
