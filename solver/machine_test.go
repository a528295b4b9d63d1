package solver

import (
	"os"
	"testing"
	"testing/fstest"
)

// TestAvailable: the least of what the machine has and what control groups allow.
func TestAvailable(t *testing.T) {
	const machine = "MemTotal:       1000 kB\nMemFree: 10 kB\n"
	for what, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no control groups": {nil, 1024000},
		"a job's group, above that of its step": {map[string]string{"proc/self/cgroup": "0::/slurm/job_7/step_0\n",
			"sys/fs/cgroup/slurm/job_7/memory.max": "4096\n", "sys/fs/cgroup/slurm/job_7/step_0/memory.max": "max\n"}, 4096},
		"a container that is the root": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "8192\n"}, 8192},
		"more than there is":           {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "9999999999\n"}, 1024000},
		"the older interface": {map[string]string{"proc/self/cgroup": "5:cpu:/a\n4:hugetlb,memory:/a/b\n0::/x\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "5000\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/cpu/a/memory.limit_in_bytes": "1\n"}, 5000},
	} {
		root := fstest.MapFS{"proc/meminfo": {Data: []byte(machine)}}
		for name, text := range c.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got, err := available(root); got != c.want || err != nil {
			t.Errorf("%s: %d, %v, want %d", what, got, err, c.want)
		}
	}
	if _, err := available(fstest.MapFS{}); err == nil {
		t.Error("memory of no machine")
	}
	if got, err := available(os.DirFS("/")); err != nil || got < 1<<20 {
		t.Errorf("this machine: %d, %v", got, err)
	}
}
