package runlog

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestTrace reads a trace back as JSON: the events of the format's "X" and "M" kinds, times in microseconds, nothing else left behind.
func TestTrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), TraceName)
	w, err := CreateTrace(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the name is there before the file is complete")
	}
	w.Rank(0, `rank 0 on "here"`, []string{"step", "exposed"})
	w.Span(0, 0, "residual", 1500*time.Nanosecond, 4*time.Microsecond)
	w.Rank(1, "rank 1", nil)
	w.Span(1, 0, "residual", 100*time.Hour, 100*time.Hour-1)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type event struct {
		Ph, Name string
		Pid, Tid int
		Ts, Dur  float64
		Args     map[string]any
	}
	var got struct{ TraceEvents []event }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var spans []event
	for _, e := range got.TraceEvents {
		switch e.Ph {
		case "X":
			spans = append(spans, e)
		case "M":
			if e.Name == "process_name" && e.Pid == 0 && e.Args["name"] != `rank 0 on "here"` {
				t.Errorf("%+v", e)
			}
		default:
			t.Errorf("kind %q", e.Ph)
		}
	}
	if len(got.TraceEvents) != 2+2+4+2 || len(spans) != 2 {
		t.Fatalf("%d events, %d spans\n%s", len(got.TraceEvents), len(spans), text)
	}
	if e := spans[0]; e.Ts != 1.5 || e.Dur != 2.5 || e.Name != "residual" {
		t.Errorf("%+v", e)
	}
	if e := spans[1]; e.Pid != 1 || e.Ts != 3.6e11 || e.Dur != 0 {
		t.Errorf("%+v", e)
	}
	if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 1 {
		t.Errorf("left behind: %v", list)
	}
}
