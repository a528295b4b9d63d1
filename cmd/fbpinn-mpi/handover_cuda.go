//go:build cuda

package main

import (
	"fmt"
	"os"
)

// handOver takes over: it checks that the program that handed over was built from the same commit as this one.
func handOver(backend string, _ func() bool) error {
	if err := checkBackend(backend); err != nil {
		return err
	}
	from, handed := os.LookupEnv(handoverKey)
	if !handed {
		return nil // started directly
	}
	if err := os.Unsetenv(handoverKey); err != nil {
		return coded{err, exitFailure}
	}
	if from != version() {
		return coded{fmt.Errorf("fbpinn-mpi is of commit %s, %s of %s; build both again with: make cuda", from, siblingName, version()),
			exitFailure}
	}
	return nil
}
