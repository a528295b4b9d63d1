package solver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// Memory is what each of so many ranks may use of this machine, in bytes, if they share it evenly.
func Memory(ranks int) (int64, error) {
	all, err := available(os.DirFS("/"))
	return all / int64(ranks), err
}

// available is the memory in bytes that processes of this machine may use together: what it has, or less where a control group says so, as
// queueing systems and containers do. root is the file system's.
func available(root fs.FS) (int64, error) {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "MemTotal: %d kB", &kib); err == nil {
			return min(kib*1024, limit(root)), nil
		}
	}
	return 0, errors.New("/proc/meminfo has no MemTotal")
}

// limit is the least limit of the control groups that this process is in, of either version of the kernel's interface; a large number where
// there is none.
func limit(root fs.FS) int64 {
	least := int64(1<<63 - 1)
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return least
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // number:controllers:path
		if len(fields) < 3 {
			continue
		}
		mount, file := "sys/fs/cgroup", "memory.max"
		if fields[1] != "" {
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		if fields[1] != "" && !strings.Contains(","+fields[1]+",", ",memory,") {
			continue
		}
		// A limit of any group above counts, too. A container may see its own group as the root, whatever the path says.
		for at := path.Join("/", fields[2]); ; at = path.Dir(at) {
			text, err := fs.ReadFile(root, path.Join(mount, at, file))
			if n, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && bad == nil { // "max" is none
				least = min(least, n)
			}
			if at == "/" {
				break
			}
		}
	}
	return least
}
