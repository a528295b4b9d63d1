package exchange

import (
	"strings"
	"testing"

	"fbpinn-mpi/kernels"
)

// Links are checked and counted without anybody at their other ends.
func TestPlan(t *testing.T) {
	up := Link{Rank: 1, Send: []kernels.Block{{At: 0, N: 3}, {At: 7, N: 2}}, Recv: []kernels.Block{{At: 20, N: 4}}}
	down := Link{Rank: 0, Send: []kernels.Block{{At: 9, N: 4}}, Recv: []kernels.Block{{At: 30, N: 5}}}
	if err := Match(0, up, []Link{{Rank: 2}, down}); err != nil {
		t.Error(err)
	}
	for words, others := range map[string][]Link{
		"rank 0 sends 5 values to rank 1, which expects 0":   nil,
		"rank 0 sends 5 values to rank 1, which expects 6":   {{Rank: 0, Send: down.Send, Recv: []kernels.Block{{N: 6}}}},
		"rank 0 expects 4 values from rank 1, which sends 3": {{Rank: 0, Send: []kernels.Block{{N: 3}}, Recv: down.Recv}},
	} {
		if err := Match(0, up, others); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %s", err, words)
		}
	}
	one := Link{Rank: 5, Send: []kernels.Block{{N: 10}}} // nothing comes back
	if got, want := Volumes[float32]([]Link{up, one}), (Volume{Messages: 3, Bytes: 4 * (5 + 4 + 10)}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := Volumes[float64]([]Link{up, {Rank: 6}}), (Volume{Messages: 2, Bytes: 8 * 9}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
