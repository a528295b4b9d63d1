//go:build fault

package h5

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// refusals are the errors with which a file system may refuse, by their names in FBPINN_DISK.
var refusals = map[string]error{"full": syscall.ENOSPC, "quota": syscall.EDQUOT, "read-only": syscall.EROFS, "broken": syscall.EIO}

// disk refuses as FBPINN_DISK=what:name:refusal says: doing this to a file whose final name matches the pattern fails, as on a disk that
// is full, in quota, read-only or broken. A writer that is refused a write leaves half of it. The refusal "pause" makes a
// file "paused" beside it and waits to be killed.
func disk(what, path string) error {
	part := strings.Split(os.Getenv("FBPINN_DISK"), ":")
	if len(part) != 3 || part[0] != what {
		return nil
	}
	name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "."), ".tmp")
	if match, err := filepath.Match(part[1], name); err != nil || !match {
		return err
	}
	if part[2] == "pause" {
		_ = os.WriteFile(filepath.Join(filepath.Dir(path), "paused"), nil, 0o644)
		time.Sleep(time.Hour)
	}
	err := refusals[part[2]]
	if err != nil && what == "write" {
		_ = os.WriteFile(path, []byte("half of it"), 0o644)
	}
	return err
}
