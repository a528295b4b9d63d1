package jobs

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// Every example of docs/jobs.md is a job that can be read and understood. The first one is complete; the others change it: a
// table of theirs replaces the one of the same name, but problem, points and parameters are changed key by key.
func TestExamplesOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../docs/jobs.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "\n```toml\n")[1:]
	const fewest = 10 // the page would be of no use with less
	if len(blocks) < fewest {
		t.Fatalf("%d examples", len(blocks))
	}
	var whole map[string]any
	for n, block := range blocks {
		text, _, closed := strings.Cut(block, "```")
		if !closed {
			t.Fatalf("example %d has no end", n+1)
		}
		var part map[string]any
		if err := toml.Unmarshal([]byte(text), &part); err != nil {
			t.Errorf("example %d: %v\n%s", n+1, err, text)
			continue
		}
		if n == 0 {
			whole = part
		} else {
			part = overlay(whole, part)
			b, err := toml.Marshal(part)
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		path := filepath.Join(t.TempDir(), "job.toml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := load(path); err != nil {
			t.Errorf("example %d: %v\n%s", n+1, err, text)
		}
	}
}

func overlay(whole, part map[string]any) map[string]any {
	out := maps.Clone(whole)
	for key, v := range part {
		switch key {
		case "problem", "points", "parameters":
			if old, ok := out[key].(map[string]any); ok {
				merged := maps.Clone(old)
				maps.Copy(merged, v.(map[string]any))
				out[key] = merged
				continue
			}
		}
		out[key] = v
	}
	if problem := part["problem"]; problem != nil {
		if _, conditions := problem.(map[string]any)["conditions"]; !conditions {
			if _, ansatz := problem.(map[string]any)["ansatz"]; !ansatz { // other unknowns, or an exact solution of its own
				delete(out["problem"].(map[string]any), "ansatz")
			}
		}
	}
	return out
}
