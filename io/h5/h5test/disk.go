// Package h5test lends tests a small disk, to fill or to forbid.
package h5test

import (
	"os"
	"os/exec"
	"testing"
)

// Disk mounts an empty tmpfs of that size, such as "1m", for the time of the test, which it skips where that is not possible.
func Disk(t testing.TB, size string) (dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIP: mounting a small tmpfs needs root")
	}
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIP: cannot mount a tmpfs: %v %s", err, out)
	}
	t.Cleanup(func() { // lazily: a process that was killed may not be gone yet
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("unmount %s: %v %s", dir, err, out)
		}
	})
	return dir
}
