package mpi

/*
#include "fb_mpi.h"
*/
import "C"

import (
	"fmt"
	"strings"
)

// Error is a failed MPI call.
type Error struct {
	Call string // what was attempted
	Code int    // MPI's error code
	Text string // MPI's words for it
}

func (e *Error) Error() string { return "mpi: " + e.Call + ": " + e.Text }

func fail(call string, code C.int) error {
	if code == C.FB_MPI_SHORT {
		return &Error{Call: call, Code: int(code), Text: "the message is shorter than the buffer that waits for it"}
	}
	var text [C.FB_MPI_TEXT]C.char
	var n C.int
	if C.fb_mpi_error_string(code, &text[0], &n) != 0 {
		return &Error{Call: call, Code: int(code), Text: fmt.Sprintf("error code %d", int(code))}
	}
	return &Error{Call: call, Code: int(code), Text: C.GoStringN(&text[0], n)}
}

// checkVersion compares the headers (0 = not Open MPI) with the library that the loader found. Handles are pointers in Open
// MPI and integers in MPICH, so another library does not fail but corrupts.
func checkVersion(major, minor int, library string) error {
	const open = "Open MPI v"
	if major == 0 {
		if strings.HasPrefix(library, open) {
			return fmt.Errorf("mpi: compiled with the headers of another MPI but loaded %q: rebuild with CGO_CFLAGS and CGO_LDFLAGS from mpicc --showme", library)
		}
		return nil
	}
	var m, n int
	if _, err := fmt.Sscanf(library, open+"%d.%d", &m, &n); err != nil {
		return fmt.Errorf("mpi: compiled for Open MPI %d.%d but loaded %q: set LD_LIBRARY_PATH to the library that was compiled for, or rebuild", major, minor, firstLine(library))
	}
	// Open MPI keeps its binary interface within a major version, towards newer minor ones.
	if m != major || n < minor {
		return fmt.Errorf("mpi: compiled for Open MPI %d.%d but loaded %d.%d: rebuild, or set LD_LIBRARY_PATH", major, minor, m, n)
	}
	return nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
