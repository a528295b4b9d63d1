package runlog

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFollow: a log is read as it grows, whole lines only, and from its beginning again when it was cut, rotated or replaced.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), LogName)
	f := Follow(path)
	next := func(what, want string) {
		t.Helper()
		list, anew, err := f.Next()
		if err != nil {
			t.Fatal(err)
		}
		var steps []int64
		for _, r := range list {
			steps = append(steps, r.Step)
		}
		if got := fmt.Sprintf("%v anew %v bad %d", steps, anew, f.Bad); got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	put := func(text string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err == nil {
			_, err = file.WriteString(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	line := func(step int64) string { return string(report(step).encode()) }
	next("no file yet", "[] anew false bad 0")
	put(line(10) + line(20) + line(30)[:17])
	next("a half line", "[10 20] anew false bad 0")
	next("nothing new", "[] anew false bad 0")
	put(line(30)[17:])
	next("its rest", "[30] anew false bad 0")
	put("\x00\x00\n7\n" + line(40))
	next("lines that are no reports", "[40] anew false bad 2")

	if err := os.Truncate(path, int64(len(line(10)))); err != nil { // a run goes on after step 10
		t.Fatal(err)
	}
	put(line(15))
	next("cut", "[10 15] anew true bad 0")
	if err := os.Truncate(path, int64(len(line(10)))); err != nil {
		t.Fatal(err)
	}
	for s := int64(11); s < 15; s++ { // longer than before when it is looked at
		put(line(s))
	}
	next("cut and grown", "[10 11 12 13 14] anew true bad 0")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	next("rotated", "[] anew true bad 0")
	put(line(16))
	next("after it", "[16] anew false bad 0")
}

// TestEvents: events are kept over launches, and a line that a kill left half written costs nothing but itself.
func TestEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), EventsName)
	if list, err := ReadEvents(path); list != nil || err != nil {
		t.Errorf("without a file: %v, %v", list, err)
	}
	for _, what := range []string{Started, Warned} {
		e, err := OpenEvents(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Add(Event{What: what, Step: 3, Text: "<&>", Launch: &Launch{Host: "n1", Plan: adam}}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.f.WriteString(`{"time":"2026`); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	list, err := ReadEvents(path)
	if err != nil || len(list) != 2 || list[0].What != Started || list[1].What != Warned || list[1].Text != "<&>" || list[1].Launch.Host != "n1" ||
		len(list[1].Launch.Stages) != 1 || time.Since(list[1].Time) > time.Minute {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestJudge: what the files say about a run.
func TestJudge(t *testing.T) {
	here, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	start := func(host string, pid int) Event { return Event{What: Started, Launch: &Launch{Host: host, PID: pid}} }
	elsewhere, ours := start("another node", 1), start(here, os.Getpid())
	const nobody = 1 << 30 // above the largest process number
	for _, c := range []struct {
		what    string
		events  []Event
		age     time.Duration
		longest time.Duration
		want    State
	}{
		{"no events", nil, 0, 0, Unknown},
		{"just started", []Event{elsewhere}, time.Second, 0, Running},
		{"its process is here", []Event{ours}, time.Second, 0, Running},
		{"long quiet", []Event{elsewhere, {What: Checkpointed}}, 2 * time.Minute, 0, Silent},
		{"long quiet, though its process is here", []Event{ours}, 2 * time.Minute, time.Second, Silent},
		{"slow steps", []Event{elsewhere}, 4 * time.Minute, time.Minute, Running},
		{"its process is gone", []Event{start(here, nobody)}, time.Second, 0, Killed},
		{"stopped", []Event{elsewhere, {What: Stopped}}, time.Hour, 0, Halted},
		{"resumed", []Event{elsewhere, {What: Stopped}, elsewhere}, time.Second, 0, Running},
		{"failed", []Event{elsewhere, {What: Failed}}, time.Hour, 0, Broken},
		{"finished", []Event{elsewhere, {What: Ended}}, time.Hour, 0, Finished},
	} {
		if j := Judge(c.events, now.Add(-c.age), c.longest, now); j.State != c.want || j.Age != c.age {
			t.Errorf("%s: %s after %v, want %s", c.what, j.State, j.Age, c.want)
		}
	}
}
