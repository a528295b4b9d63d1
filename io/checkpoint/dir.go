package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fbpinn-mpi/io/h5"
)

// keep is the number of generations that stay: the newest, and one to fall back on.
const keep = 2

// manifest vouches for a data file.
type manifest struct {
	SHA256    string `json:"sha256"`
	Step      int64  `json:"step"`
	Size      int64  `json:"size"`
	JobSHA256 string `json:"job_sha256"`
}

// encode gives the one accepted spelling of a manifest: a flipped bit that JSON would forgive (the case of a key, a blank) is
// caught by comparing bytes.
func (m manifest) encode() []byte {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		panic("checkpoint: manifest does not encode")
	}
	return append(b, '\n')
}

// dataName and manifestName are the files of a generation.
func dataName(dir string, step int64) string {
	return filepath.Join(dir, fmt.Sprintf("checkpoint-%d.h5", step))
}

func manifestName(dir string, step int64) string {
	return filepath.Join(dir, fmt.Sprintf("checkpoint-%d.json", step))
}

// Write adds a generation and removes all but it and the one before. It sets c.SHA256. Generations of later steps are what a
// run left that resumed from further back; they go, too.
func Write(dir string, c *Checkpoint) error {
	if c.Step < 0 {
		panic("checkpoint: negative step")
	}
	data, name := dataName(dir, c.Step), manifestName(dir, c.Step)
	// Both files are complete on the disk before either gets its name, so a full disk changes nothing. A crash between the
	// two renames leaves data without a manifest that fits, which does not count.
	fail := func(err error) error { return fmt.Errorf("checkpoint: step %d: %w", c.Step, err) }
	temporary, err := h5.Prepare(data, c.write)
	if err != nil {
		return fail(err)
	}
	m := manifest{Step: c.Step, JobSHA256: c.JobSHA256}
	if m.SHA256, m.Size, err = digest(temporary); err != nil {
		os.Remove(temporary)
		return fail(err)
	}
	if err := writeSynced(h5.Temporary(name), m.encode()); err != nil {
		os.Remove(temporary)
		return fail(err)
	}
	if err := h5.Commit(temporary, data); err != nil {
		os.Remove(h5.Temporary(name))
		return fail(err)
	}
	if err := h5.Commit(h5.Temporary(name), name); err != nil {
		return fail(err)
	}
	c.SHA256 = m.SHA256
	return prune(dir, c.Step)
}

// writeSynced puts a small file on the disk; on an error nothing is left.
func writeSynced(path string, b []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(path)
	}
	return err
}

// digest returns SHA-256 and size of a file.
func digest(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// steps lists the steps of the files checkpoint-<step><ext> in dir, newest first. Names that this package would not spell so
// ("checkpoint-007.h5") are somebody else's.
func steps(dir, ext string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []int64
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "checkpoint-")
		if !ok {
			continue
		}
		if digits, ok = strings.CutSuffix(digits, ext); !ok {
			continue
		}
		step, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || step < 0 || strconv.FormatInt(step, 10) != digits {
			continue
		}
		out = append(out, step)
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out, nil
}

// prune removes our files except the generation of the given step and the newest before it. Manifests go first: data without
// manifest does not count, so a crash in between leaves no half generation.
func prune(dir string, step int64) error {
	with, err := steps(dir, ".json")
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	stay := []int64{step}
	for _, s := range with {
		if s < step && len(stay) < keep {
			stay = append(stay, s)
		}
	}
	for _, ext := range []string{".json", ".h5"} {
		have, err := steps(dir, ext)
		if err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		for _, s := range have {
			if slices.Contains(stay, s) {
				continue
			}
			if err := removeIfThere(filepath.Join(dir, fmt.Sprintf("checkpoint-%d%s", s, ext))); err != nil {
				return fmt.Errorf("checkpoint: %w", err)
			}
		}
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// Latest returns the newest valid checkpoint. The digest of a file is verified before HDF5 sees it. Each generation that had
// to be passed over gives a warning; ErrNone, wrapped with them, means that none was valid.
func Latest(dir string) (c *Checkpoint, warnings []string, err error) {
	have, err := steps(dir, ".json")
	if err != nil && !os.IsNotExist(err) {
		return nil, nil, fmt.Errorf("checkpoint: %w", err)
	}
	for _, step := range have {
		c, err := verified(dir, step)
		if err == nil {
			return c, warnings, nil
		}
		warnings = append(warnings, fmt.Sprintf("checkpoint of step %d passed over: %v", step, err))
	}
	if len(warnings) > 0 {
		return nil, warnings, fmt.Errorf("checkpoint: %w in %s: %s", ErrNone, dir, strings.Join(warnings, "; "))
	}
	return nil, nil, fmt.Errorf("checkpoint: %w in %s", ErrNone, dir)
}

// verified reads one generation if data and manifest agree in every respect.
func verified(dir string, step int64) (*Checkpoint, error) {
	raw, err := os.ReadFile(manifestName(dir, step))
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if !bytes.Equal(raw, m.encode()) {
		return nil, fmt.Errorf("manifest damaged: not as this program writes it")
	}
	if m.Step != step {
		return nil, fmt.Errorf("manifest damaged: it speaks of step %d", m.Step)
	}
	path := dataName(dir, step)
	sum, size, err := digest(path)
	if err != nil {
		return nil, err
	}
	if size != m.Size {
		return nil, fmt.Errorf("%s damaged: %d bytes, manifest says %d", filepath.Base(path), size, m.Size)
	}
	if sum != m.SHA256 {
		return nil, fmt.Errorf("%s damaged: its SHA-256 is not the manifest's", filepath.Base(path))
	}
	c, err := read(path)
	if err != nil {
		return nil, err
	}
	if c.Step != m.Step || c.JobSHA256 != m.JobSHA256 {
		return nil, fmt.Errorf("manifest and %s belong to different runs", filepath.Base(path))
	}
	c.SHA256 = sum
	return c, nil
}
