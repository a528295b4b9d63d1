package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"text/tabwriter"

	"fbpinn-mpi/mpi"
)

// deviceRow is what one rank computes on.
type deviceRow struct {
	Rank    int
	Host    string
	Cores   int    // that this rank may use
	UUID    string // of its card; empty if it has none
	Name    string
	Memory  int64  // bytes of the card
	Trouble string // why the card cannot be used
}

// newRow describes a rank before it has a card.
func newRow(comm mpi.Comm) deviceRow {
	return deviceRow{Rank: comm.Rank(), Host: comm.Hostname(), Cores: runtime.NumCPU()}
}

// gatherAll tells every rank what all say about themselves, in order of rank.
func gatherAll[V any](comm mpi.Comm, own V) ([]V, error) {
	text, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	counts, err := mpi.Counted(comm, len(text))
	if err != nil {
		return nil, err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	all := make([]byte, total)
	if err := mpi.Allgatherv(comm, text, all, counts); err != nil {
		return nil, err
	}
	rows := make([]V, len(counts))
	for r, n := range counts {
		if err := json.Unmarshal(all[:n], &rows[r]); err != nil {
			return nil, fmt.Errorf("what rank %d says about itself: %w", r, err)
		}
		all = all[n:]
	}
	return rows, nil
}

// checkDevices finds the reasons not to start. Every rank has the same rows, and so comes to the same answer.
func checkDevices(rows []deviceRow, oversubscribe bool) error {
	var failed, without []int
	var first deviceRow
	ranksOn := map[string][]int{} // by host and card
	var cards []string            // keys of ranksOn in order of rank
	for _, r := range rows {
		key := r.Host + " " + r.UUID
		switch {
		case r.Trouble != "":
			if len(failed) == 0 {
				first = r
			}
			failed = append(failed, r.Rank)
		case r.UUID == "":
			without = append(without, r.Rank)
		default:
			if ranksOn[key] == nil {
				cards = append(cards, key)
			}
			ranksOn[key] = append(ranksOn[key], r.Rank)
		}
	}
	if len(failed) > 0 {
		also := ""
		if len(failed) > 1 {
			also = fmt.Sprintf(" (also %s)", ranks(failed[1:]))
		}
		return coded{fmt.Errorf("rank %d on %s: %s%s", first.Rank, first.Host, first.Trouble, also), exitFailure}
	}
	if len(without) > 0 && len(cards) > 0 {
		return coded{fmt.Errorf("%s on %s found no card, others did: one history must not mix them; ask for cards on every node, or use "+
			"--backend=cpu everywhere", ranks(without), rows[without[0]].Host), exitInput}
	}
	if oversubscribe {
		return nil
	}
	for _, key := range cards {
		if on := ranksOn[key]; len(on) > 1 {
			host, card, _ := strings.Cut(key, " ")
			return coded{fmt.Errorf("%s on %s share the card %s: start one rank a card (Slurm: --gpus-per-node=N --gpu-bind=none and "+
				"N tasks a node), or allow it with --oversubscribe-gpu", ranks(on), host, card), exitInput}
		}
	}
	return nil
}

// shownRows is how many lines of the table are worth reading.
const shownRows = 64

// deviceTable is what rank 0 prints at the start; nothing if all compute on the CPU.
func deviceTable(rows []deviceRow) string {
	cards := false
	for _, r := range rows {
		cards = cards || r.UUID != ""
	}
	if !cards {
		return ""
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "rank\thost\tcores\tmemory\tcard\tUUID")
	for _, r := range rows[:min(len(rows), shownRows)] {
		fmt.Fprintf(w, "%d\t%s\t%d\t%.1f GiB\t%s\t%s\n", r.Rank, r.Host, r.Cores, float64(r.Memory)/(1<<30), r.Name, r.UUID)
	}
	w.Flush()
	if n := len(rows) - shownRows; n > 0 {
		fmt.Fprintf(&b, "... and %d more ranks\n", n)
	}
	return b.String()
}

// ranks names some ranks in a message, the first few of many.
func ranks(list []int) string {
	const shown = 8
	text := make([]string, 0, shown)
	for _, r := range list[:min(len(list), shown)] {
		text = append(text, fmt.Sprint(r))
	}
	s := "rank " + text[0]
	if len(text) > 1 {
		s = "ranks " + strings.Join(text[:len(text)-1], ", ") + " and " + text[len(text)-1]
	}
	if n := len(list) - shown; n > 0 {
		s = "ranks " + strings.Join(text, ", ") + fmt.Sprintf(" and %d more", n)
	}
	return s
}
