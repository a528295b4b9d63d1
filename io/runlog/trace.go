package runlog

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Trace is trace.json: when each phase of each rank began and ended, in the Trace Event Format that Perfetto (ui.perfetto.dev) and
// chrome://tracing open. A process is a rank, a thread a row of phases.
type Trace struct {
	path, temporary string
	f               *os.File
	w               *bufio.Writer
	some            bool
	err             error // the first
}

// CreateTrace begins a file, whose name appears with Close.
func CreateTrace(path string) (*Trace, error) {
	t := &Trace{path: path, temporary: filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+temporaryFileMark)}
	var err error
	if t.f, err = os.Create(t.temporary); err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	t.w = bufio.NewWriter(t.f)
	t.put(`{"displayTimeUnit":"ms","traceEvents":[`)
	return t, nil
}

func (t *Trace) put(format string, args ...any) {
	if _, err := fmt.Fprintf(t.w, format, args...); err != nil && t.err == nil {
		t.err = err
	}
}

func (t *Trace) event(format string, args ...any) {
	if t.some {
		t.put(",")
	}
	t.some = true
	t.put("\n"+format, args...)
}

func quoted(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic("trace: a text does not encode")
	}
	return b
}

// Rank names a rank and its rows.
func (t *Trace) Rank(rank int, about string, rows []string) {
	t.event(`{"ph":"M","pid":%d,"name":"process_name","args":{"name":%s}}`, rank, quoted(about))
	t.event(`{"ph":"M","pid":%d,"name":"process_sort_index","args":{"sort_index":%d}}`, rank, rank)
	for k, row := range rows {
		t.event(`{"ph":"M","pid":%d,"tid":%d,"name":"thread_name","args":{"name":%s}}`, rank, k, quoted(row))
		t.event(`{"ph":"M","pid":%d,"tid":%d,"name":"thread_sort_index","args":{"sort_index":%d}}`, rank, k, k)
	}
}

// Span writes one event of a row; times count from anywhere, and the file has microseconds with three digits after the point.
func (t *Trace) Span(rank, row int, name string, from, to time.Duration) {
	d := max(to-from, 0)
	t.event(`{"ph":"X","pid":%d,"tid":%d,"name":%s,"ts":%.3f,"dur":%.3f}`, rank, row, quoted(name), float64(from)/1e3, float64(d)/1e3)
}

// Close ends the file, and gives it its name if all went well.
func (t *Trace) Close() error {
	t.put("\n]}\n")
	if err := t.w.Flush(); t.err == nil {
		t.err = err
	}
	if err := t.f.Close(); t.err == nil {
		t.err = err
	}
	if t.err == nil {
		t.err = os.Rename(t.temporary, t.path)
	}
	if t.err != nil {
		os.Remove(t.temporary)
		return fmt.Errorf("trace: %w", t.err)
	}
	return nil
}
