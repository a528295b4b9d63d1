// Package report writes what the files of a run hold as one HTML page: pictures, curves to zoom into, tables. The page needs nothing but
// itself: pictures are data URIs, the script that draws the curves (uPlot) is part of it, and it may not load anything.
package report

import (
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fbpinn-mpi/io/h5"
	"fbpinn-mpi/io/plot"
	"fbpinn-mpi/io/runlog"
	"fbpinn-mpi/io/snapshot"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle string
	//go:embed page.js
	pageScript string
	//go:embed uplot/uPlot.iife.min.js
	uplotScript string
	//go:embed uplot/uPlot.min.css
	uplotStyle string
)

// ErrNone: the folder holds nothing of a run.
var ErrNone = errors.New("no run there")

// Run is what the files of a run hold. A run that goes on, or did not finish, has no solution yet.
type Run struct {
	Dir      string
	Solution *snapshot.Snapshot // nil: none yet
	Log      []runlog.Report
	Bad      int // lines of the log that are none
	Events   []runlog.Event
	Job      string // its text
	Files    []os.FileInfo
}

// Read takes in the files of a folder. solution is what its solution file holds, nil to read that too, where there is one.
func Read(dir string, solution *snapshot.Snapshot) (*Run, error) {
	r := &Run{Dir: dir, Solution: solution}
	path := filepath.Join(dir, runlog.SolutionName)
	if _, err := os.Stat(path); err == nil && solution == nil {
		if r.Solution, err = snapshot.Read(path); err != nil {
			return nil, err
		}
	}
	log := runlog.Follow(filepath.Join(dir, runlog.LogName))
	var err error
	if r.Log, _, err = log.Next(); err != nil {
		return nil, err
	}
	r.Bad = log.Bad
	if r.Events, err = runlog.ReadEvents(filepath.Join(dir, runlog.EventsName)); err != nil {
		return nil, err
	}
	job, err := os.ReadFile(filepath.Join(dir, runlog.JobName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("report: %w", err)
	}
	r.Job = string(job)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && !strings.HasPrefix(e.Name(), ".") && e.Name() != runlog.ReportName {
			r.Files = append(r.Files, info)
		}
	}
	if r.Solution == nil && len(r.Log) == 0 && len(r.Events) == 0 {
		return nil, fmt.Errorf("report: %s: %w: neither %s nor %s nor %s", dir, ErrNone, runlog.SolutionName, runlog.LogName, runlog.EventsName)
	}
	return r, nil
}

// Write makes the page. pictures are PNG files; nil lets it draw those of the solution. The name appears when the page is complete.
func Write(path string, r *Run, pictures []string) error {
	if pictures == nil && r.Solution != nil {
		dir, err := os.MkdirTemp("", "report")
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		defer os.RemoveAll(dir)
		if pictures, err = plot.All(dir, r.Solution); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	p := r.page(time.Now())
	for _, file := range pictures {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		name := filepath.Base(file)
		p.Pictures = append(p.Pictures, picture{Name: strings.TrimSuffix(name, filepath.Ext(name)),
			Data: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(data))})
	}
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		panic("report: the page does not parse")
	}
	if err := h5.ReplaceStream(path, func(w io.Writer) error { return t.Execute(w, p) }); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// page is what the template shows.
type page struct {
	Title, Reference string
	State, Note      string
	Made             string
	Figures          []figure // the numbers at the top
	Pictures         []picture
	Charts           []chart
	Sections         []section
	Job              string
	Style            template.CSS
	Script           template.JS
}

type (
	figure  struct{ Name, Value string }
	picture struct {
		Name string
		Data template.URL
	}
	section struct {
		Title, Note string
		Tables      []table
	}
	table struct {
		Title string
		Text  bool // cells are words rather than numbers
		Head  []string
		Rows  [][]string
	}
)

// page gathers everything but the pictures.
func (r *Run) page(now time.Time) *page {
	p := &page{Title: r.Dir, Made: now.UTC().Format("2006-01-02 15:04 UTC"), Job: r.Job, Charts: r.charts(), Figures: r.figures(),
		Style: template.CSS(uplotStyle + pageStyle), Script: template.JS(uplotScript + pageScript)}
	if l := r.start(); l != nil && l.Title != "" {
		p.Title = l.Title
	}
	if s := r.Solution; s != nil {
		if t, _ := s.Attr("title").(string); t != "" {
			p.Title = t
		}
		p.Reference, _ = s.Attr("references").(string)
	}
	p.State, p.Note = r.state(now)
	for _, s := range []section{r.errors(), r.residuals(), r.times(), r.linear(), r.messages(), r.warnings(), r.life(), r.provenance(), r.files()} {
		if len(s.Tables) > 0 {
			p.Sections = append(p.Sections, s)
		}
	}
	return p
}

// start is the last launch, nil if no event tells of one.
func (r *Run) start() (l *runlog.Launch) {
	for _, e := range r.Events {
		if e.What == runlog.Started {
			l = e.Launch
		}
	}
	return l
}

// state says how the run stands.
func (r *Run) state(now time.Time) (state, note string) {
	v := runlog.Judge(r.Events, r.wrote(), 0, now)
	switch v.State {
	case runlog.Finished:
		note = v.Last.Text
	case runlog.Halted, runlog.Broken:
		note = v.Last.Text
	case runlog.Running, runlog.Silent, runlog.Killed:
		note = "last word " + runlog.Ago(v.Age)
	}
	if r.Solution == nil {
		note += "; there is no solution yet"
	} else if v.State != runlog.Finished && v.State != runlog.Unknown {
		note += "; the solution is that of an earlier end"
	}
	return v.State.String(), strings.TrimPrefix(note, "; ")
}

func (r *Run) wrote() (t time.Time) {
	if n := len(r.Log); n > 0 {
		t = r.Log[n-1].Time
	}
	if n := len(r.Events); n > 0 && r.Events[n-1].Time.After(t) {
		t = r.Events[n-1].Time
	}
	return t
}
