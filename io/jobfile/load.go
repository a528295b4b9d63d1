package jobfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// Load reads the job file at path and applies overrides of the form key=value, such as train.steps=500. The error of a bad
// job is an *Error; only a file that cannot be read gives another one.
func Load(path string, set []string) (*Job, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{File: path, Line: 1, Col: 1, Msg: "there is no such job file", Remedy: "give the path of a TOML job file, such as one of jobs/"}
	}
	if err != nil {
		return nil, fmt.Errorf("jobfile: read job: %w", err)
	}
	return Decode(path, string(b), set)
}

// Decode is Load for a text that is already here; name stands for the file in messages.
func Decode(name, content string, set []string) (*Job, error) {
	src := &source{name: name, text: strings.TrimPrefix(content, "\uFEFF")}
	root, err := parse(src)
	if err != nil {
		return nil, err
	}
	for i, s := range set {
		if err := override(root, s, i+1); err != nil {
			return nil, err
		}
	}
	job := &Job{File: name, Text: render(root), doc: &document{src, root}}
	sum := sha256.Sum256([]byte(job.Text))
	job.SHA256 = hex.EncodeToString(sum[:])

	d := &decoder{job: job, keys: Keys(), doc: job.doc}
	d.table(root, "", "")
	d.finish()
	if e := d.first(); e != nil {
		return nil, e
	}
	return job, nil
}

// override applies one "key=value". The value is TOML; a bare word is taken as a text, so that train.solver=lbfgs needs no
// quotes that the shell would eat.
func override(root *node, set string, rank int) error {
	key, value, ok := strings.Cut(set, "=")
	src := &source{name: "--set", text: set, rank: rank}
	if !ok || strings.TrimSpace(key) == "" {
		return at(src, 0, "", "not of the form key=value", "for example --set train.steps=500")
	}
	tree, err := parse(src)
	if v := strings.TrimSpace(value); err != nil && v != "" && !strings.ContainsAny(v[:1], `"'[{`) && !strings.ContainsAny(v, "\n\r") {
		quoted := &source{name: src.name, text: key + "=" + quote(v), rank: rank}
		if t, again := parse(quoted); again == nil {
			tree, err = t, nil
		}
	}
	if err != nil {
		return err
	}
	return merge(root, tree)
}

// merge puts the entries of an override into the job.
func merge(dst, from *node) error {
	for _, c := range from.items {
		old := dst.child(c.key)
		if dst.kind == list {
			i, err := strconv.Atoi(c.key)
			if err != nil || i < 0 || i >= len(dst.items) {
				return at(c.src, c.keyAt, c.key, fmt.Sprintf("%s is no element of the list %s", c.key, dst.key),
					fmt.Sprintf("its elements are numbered from 0 to %d", len(dst.items)-1))
			}
			old = dst.items[i]
		}
		if c.kind == table && !c.inline && old != nil && (old.kind == table || old.kind == list) {
			if err := merge(old, c); err != nil {
				return err
			}
			continue
		}
		if dst.kind == list {
			c.key = ""
			*old = *c
			continue
		}
		dst.put(c)
	}
	return nil
}

// Fault is what is wrong with an expression: the column in it, from 1, 0 = all of it.
type Fault struct {
	Col       int
	Msg, Hint string
}

// Resolve computes the numbers that the job writes as expressions and checks their ranges. eval gives an expression its
// value; it knows the job's parameters.
func (j *Job) Resolve(eval func(expression string) (float64, *Fault)) error {
	for _, p := range j.pending {
		v, fault := eval(p.node.text)
		if fault != nil {
			e := locate(p.node, fault.Col)
			e.Key, e.Msg, e.Remedy = p.path, fault.Msg, fault.Hint
			return e
		}
		if msg, remedy := p.key.check(p.path, fmt.Sprintf("%s = %.6g", p.node.text, v), v); msg != "" {
			return at(p.node.src, p.node.at, p.path, msg, remedy)
		}
		*p.dst = v
	}
	for _, c := range j.Problem.Conditions {
		for i := range c.Box {
			if p := &c.Box[i]; p.Fixed {
				p.Hi = p.Lo
			}
		}
	}
	return nil
}

// Locate begins an error about the value of a key, found after the file was read: file, line and caret at the column col
// (from 1; 0 = the whole value) of a text. The caller adds Msg and Remedy. A key that the file does not hold is represented
// by the nearest table around it.
func (j *Job) Locate(key string, col int) *Error {
	n, found := j.doc.find(key)
	if !found || n.kind == table {
		e := at(n.src, n.keyAt, key, "", "")
		return e
	}
	e := locate(n, col)
	e.Key = key
	return e
}

// locate points at a column of a text value. Where the file spells the text with escapes, columns do not correspond, and
// the whole value is meant.
func locate(n *node, col int) *Error {
	offset := n.at
	if n.kind == text && col > 0 && n.src.name != "default" {
		literal := n.src.text[n.at:]
		literal = literal[:quotedLength(literal)]
		if i := strings.Index(literal, n.text); i >= 0 && n.text != "" {
			offset += i + byteOf(n.text, col)
		}
	}
	return at(n.src, offset, "", "", "")
}

// byteOf is the byte offset of a column, in characters from 1.
func byteOf(s string, col int) int {
	for i := range s {
		if col--; col == 0 {
			return i
		}
	}
	return len(s)
}

// find walks a dotted path with [i] for elements; where it ends early, the last node on the way is returned.
func (d *document) find(path string) (n *node, found bool) {
	n = d.root
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == ']' }) {
		name, index, listed := strings.Cut(part, "[")
		if name != "" {
			c := n.child(name)
			if c == nil { // "functions.g" is spelt "g(x, y)" in the file
				for _, f := range n.items {
					if head, _, ok := strings.Cut(f.key, "("); ok && strings.TrimSpace(head) == name {
						c = f
					}
				}
			}
			if c == nil {
				// A short form stands for one of its keys: its own value is meant.
				return n, n.kind != table
			}
			n = c
		}
		if i, err := strconv.Atoi(index); listed && err == nil && n.kind == list && i >= 0 && i < len(n.items) {
			n = n.items[i]
		}
	}
	return n, true
}
