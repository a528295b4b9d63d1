package h5

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Temporary is the name under which path is written before the final name exists.
func Temporary(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
}

// Replace makes path a new file with what fill writes. The final name appears only when all of it is on the disk; until then
// what was there before stays.
func Replace(path string, fill func(*File) error) error {
	temporary, err := Prepare(path, fill)
	if err != nil {
		return err
	}
	return Commit(temporary, path)
}

// ReplaceStream is Replace for a file of another format, which fill writes from beginning to end.
func ReplaceStream(path string, fill func(io.Writer) error) error {
	temporary := Temporary(path)
	f, err := os.Create(temporary)
	if err != nil {
		return fmt.Errorf("h5: %w", err)
	}
	b := bufio.NewWriter(f)
	if err = fill(b); err == nil {
		err = b.Flush()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(temporary)
		return fmt.Errorf("h5: write %s: %w", path, err)
	}
	return Commit(temporary, path)
}

// Prepare writes a complete file under the temporary name of path, for Commit; on an error nothing is left. A temporary of a
// killed process is overwritten: writers of one path must be serialised, as the lock of a run's folder does.
func Prepare(path string, fill func(*File) error) (temporary string, err error) {
	temporary = Temporary(path)
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("h5: clear the way for %s: %w", path, err)
	}
	f, err := Create(temporary)
	if err == nil {
		err = fill(f)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		os.Remove(temporary)
		return "", err
	}
	return temporary, nil
}

// Commit puts a finished temporary file on the disk and gives it its final name: sync, rename, sync the folder. A crash at
// any instant leaves either the old file or the new one; an error removes the temporary.
func Commit(temporary, path string) (err error) {
	defer func() {
		if err != nil {
			os.Remove(temporary)
		}
	}()
	if err = disk("sync", path); err == nil {
		err = syncPath(temporary)
	}
	if err != nil {
		return fmt.Errorf("h5: sync %s: %w", temporary, err)
	}
	if err = disk("rename", path); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return fmt.Errorf("h5: put %s in place: %w", path, err)
	}
	if err := syncPath(filepath.Dir(path)); err != nil {
		return fmt.Errorf("h5: sync folder of %s: %w", path, err)
	}
	return disk("done", path)
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
