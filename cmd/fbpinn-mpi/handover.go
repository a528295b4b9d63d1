package main

import (
	"fmt"
	"os"
)

// There are two programs from this one main: fbpinn-mpi, which starts everywhere, and fbpinn-mpi-cuda (tag cuda), which does not
// start where there is no card, because gorgonia.org/cu ends the process then. The first replaces itself by the second, before
// MPI starts, where there is a card; process number, launcher's variables and signals stay the same.
const (
	siblingName = "fbpinn-mpi-cuda"
	// handoverKey holds the version of the program that handed over. It also keeps two plain programs from handing over for ever.
	handoverKey = "FBPINN_HANDOVER"
)

// checkBackend refuses what is no value of --backend.
func checkBackend(backend string) error {
	switch backend {
	case "auto", "cpu", "cuda":
		return nil
	}
	return coded{fmt.Errorf("no backend %q; use auto, cpu or cuda", backend), exitInput}
}

// sayOnce prints a line before MPI starts, on the first rank only.
func sayOnce(format string, arguments ...any) {
	if rank, launched := rankHint(); !launched || rank == "0" {
		fmt.Fprintf(os.Stderr, "fbpinn-mpi: "+format+"\n", arguments...)
	}
}
