package mpi

import "testing"

func TestVersionCheck(t *testing.T) {
	for _, k := range []struct {
		major, minor int
		library      string
		ok           bool
	}{
		{4, 1, "Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4", true},
		{4, 0, "Open MPI v4.1.4", true}, // newer minor version
		{4, 1, "Open MPI v4.0.3", false},
		{4, 1, "Open MPI v5.0.0", false},
		{4, 1, "MPICH Version: 4.0.2\nMPICH Release date: 2022", false},
		{0, 0, "MPICH Version: 4.0.2", true},
		{0, 0, "Open MPI v4.1.4", false},
	} {
		if err := checkVersion(k.major, k.minor, k.library); (err == nil) != k.ok {
			t.Errorf("%d.%d against %q: %v", k.major, k.minor, k.library, err)
		}
	}
}
