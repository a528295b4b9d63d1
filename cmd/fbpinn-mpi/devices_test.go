package main

import (
	"errors"
	"strings"
	"testing"
)

func card(rank int, host, uuid string) deviceRow {
	return deviceRow{Rank: rank, Host: host, UUID: uuid, Name: "NVIDIA H200", Memory: 140 << 30, Cores: 8}
}

func TestCheckDevices(t *testing.T) {
	cpu := deviceRow{Rank: 2, Host: "a"}
	broken := deviceRow{Rank: 1, Host: "b", UUID: "GPU-2", Trouble: "open card 0: InvalidDevice"}
	many := make([]deviceRow, 12)
	for r := range many {
		many[r] = card(r, "a", "GPU-1")
	}
	for _, c := range []struct {
		name          string
		rows          []deviceRow
		oversubscribe bool
		code          int // 0: no error
		says          []string
	}{
		{"one card each", []deviceRow{card(0, "a", "GPU-1"), card(1, "a", "GPU-2")}, false, 0, nil},
		{"same card on two hosts", []deviceRow{card(0, "a", "GPU-1"), card(1, "b", "GPU-1")}, false, 0, nil}, // cloned UUIDs in virtual machines
		{"no card at all", []deviceRow{{Rank: 0}, {Rank: 1}}, false, 0, nil},
		{"shared", []deviceRow{card(0, "a", "GPU-0"), card(1, "a", "GPU-1"), card(2, "a", "GPU-1")}, false, exitInput,
			[]string{"ranks 1 and 2 on a", "GPU-1", "--oversubscribe-gpu"}},
		{"shared and allowed", []deviceRow{card(0, "a", "GPU-1"), card(1, "a", "GPU-1")}, true, 0, nil},
		{"shared by many", many, false, exitInput, []string{"ranks 0, 1, 2, 3, 4, 5, 6, 7 and 4 more on a"}},
		{"mixed", []deviceRow{card(0, "a", "GPU-1"), card(1, "a", "GPU-2"), cpu}, true, exitInput, []string{"rank 2 on a found no card", "--backend=cpu"}},
		{"broken", []deviceRow{card(0, "a", "GPU-1"), broken, {Rank: 2, Host: "b", Trouble: "x"}}, true, exitFailure,
			[]string{"rank 1 on b: open card 0: InvalidDevice", "also rank 2"}},
	} {
		err := checkDevices(c.rows, c.oversubscribe)
		var got coded
		if errors.As(err, &got); got.code != c.code {
			t.Errorf("%s: code %d, not %d: %v", c.name, got.code, c.code, err)
			continue
		}
		for _, text := range c.says {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q does not say %q", c.name, err, text)
			}
		}
	}
}

func TestDeviceTable(t *testing.T) {
	if s := deviceTable([]deviceRow{{Rank: 0}, {Rank: 1}}); s != "" {
		t.Errorf("a table of CPUs: %q", s)
	}
	rows := []deviceRow{card(0, "node-a", "GPU-1"), card(1, "b", "GPU-22")}
	want := "rank  host    cores  memory     card         UUID\n" +
		"0     node-a  8      140.0 GiB  NVIDIA H200  GPU-1\n" +
		"1     b       8      140.0 GiB  NVIDIA H200  GPU-22\n"
	if s := deviceTable(rows); s != want {
		t.Errorf("table:\n%s\nnot:\n%s", s, want)
	}
	for len(rows) < shownRows+3 {
		rows = append(rows, card(len(rows), "c", "GPU-3"))
	}
	if s := deviceTable(rows); strings.Count(s, "\n") != shownRows+2 || !strings.HasSuffix(s, "... and 3 more ranks\n") {
		t.Errorf("%d lines, ending in %q", strings.Count(s, "\n"), s[len(s)-40:])
	}
}
