package jobfile

import (
	"fmt"
	"strings"
)

// decoder fills a Job from a document, guided by the key table.
type decoder struct {
	job  *Job
	keys []Key
	doc  *document
	errs []placed

	// count is the number of entries of the table or list being visited. Lists of the Job are made with room for all of
	// them, because pending numbers hold pointers into their elements.
	count int
}

// placed is an error with what is needed to sort errors by place.
type placed struct {
	err          *Error
	rank, offset int
}

// The element that is being filled.
func (d *decoder) axis() *Axis         { return &d.job.Domain[len(d.job.Domain)-1] }
func (d *decoder) function() *Function { return &d.job.Functions[len(d.job.Functions)-1] }
func (d *decoder) condition() *Condition {
	return &d.job.Problem.Conditions[len(d.job.Problem.Conditions)-1]
}
func (d *decoder) stage() *Stage { return &d.job.Train.Stages[len(d.job.Train.Stages)-1] }
func (d *decoder) graded() *Graded {
	return &d.job.Decomposition.Graded[len(d.job.Decomposition.Graded)-1]
}
func (d *decoder) subdomain() *Subdomain {
	return &d.job.Decomposition.Subdomains[len(d.job.Decomposition.Subdomains)-1]
}

// axes is the number of coordinates.
func (d *decoder) axes() int { return len(d.job.Domain) }

func (d *decoder) coords() []string {
	var names []string
	for _, a := range d.job.Domain {
		names = append(names, a.Name)
	}
	return names
}

// failAt reports a fault at an offset of a source.
func (d *decoder) failAt(src *source, offset int, path, msg, remedy string) {
	d.errs = append(d.errs, placed{at(src, offset, path, msg, remedy), src.rank, offset})
}

// fail reports a fault of a value, failKey of its name.
func (d *decoder) fail(n *node, path, msg, remedy string) { d.failAt(n.src, n.at, path, msg, remedy) }
func (d *decoder) failKey(n *node, path, msg, remedy string) {
	d.failAt(n.src, n.keyAt, path, msg, remedy)
}

// first is the first fault in the order of reading.
func (d *decoder) first() *Error {
	if len(d.errs) == 0 {
		return nil
	}
	f := d.errs[0]
	for _, e := range d.errs[1:] {
		if e.rank < f.rank || e.rank == f.rank && e.offset < f.offset {
			f = e
		}
	}
	return f.err
}

// table decodes the entries of a table; pattern is its name in the key table, path its name in this job.
//
// Keys are visited in the order of the key table, so that coordinates and unknowns are known before what refers to them;
// entries with chosen names in the order of the file.
func (d *decoder) table(n *node, pattern, path string) {
	known := d.children(pattern)
	taken := map[string]bool{}
	for _, k := range known {
		_, name := k.split()
		taken[name] = true
	}
	for _, k := range known {
		_, name := k.split()
		if !chosen(name) {
			if c := n.child(name); c != nil {
				d.entry(k, c, join(path, name))
			} else {
				d.absent(k, n, path)
			}
			continue
		}
		for _, c := range n.items {
			if !taken[c.key] {
				d.count = len(n.items)
				d.entry(k, c, join(path, c.key))
			}
		}
		return // a chosen name takes every other key
	}
	for _, c := range n.items {
		if !taken[c.key] {
			d.unknown(c, known, pattern, path)
		}
	}
}

// chosen tells whether a name of the key table is a place holder.
func chosen(name string) bool { return name[0] == '<' }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// children of a table in the key table; a place holder comes last.
func (d *decoder) children(pattern string) []*Key {
	var fixed, open []*Key
	for i := range d.keys {
		parent, name := d.keys[i].split()
		if parent != pattern {
			continue
		}
		if chosen(name) {
			open = append(open, &d.keys[i])
		} else {
			fixed = append(fixed, &d.keys[i])
		}
	}
	return append(fixed, open...)
}

// entry decodes the value of one key.
func (d *decoder) entry(k *Key, n *node, path string) {
	if k.Type == "list of tables" {
		d.elements(k, n, path)
		return
	}
	if n.kind == table && len(d.children(k.Name)) > 0 {
		if k.begin != nil {
			k.begin(d, k, n, path)
		}
		d.table(n, k.Name, path)
		return
	}
	if k.short != "" { // "schedule = 'cosine'" stands for "schedule.kind = 'cosine'"
		if k.begin != nil {
			k.begin(d, k, n, path)
		}
		inner := *n
		inner.key = k.short
		d.table(&node{kind: table, key: n.key, src: n.src, keyAt: n.keyAt, at: n.at, items: []*node{&inner}}, k.Name, path)
		return
	}
	if k.put == nil {
		d.wrongType(k, n, path)
		return
	}
	k.put(d, k, n, path)
}

// elements decodes a list of tables.
func (d *decoder) elements(k *Key, n *node, path string) {
	if n.kind != list {
		d.wrongType(k, n, path)
		return
	}
	for i, c := range n.items {
		p := fmt.Sprintf("%s[%d]", path, i)
		if c.kind != table {
			d.fail(c, p, fmt.Sprintf("an element of %s is %s, not a table", path, c.kind), fmt.Sprintf("write [[%s]] and its keys below", path))
			continue
		}
		d.count = len(n.items)
		k.begin(d, k, c, p)
		d.table(c, k.Name+"[]", p)
	}
}

// absent puts the default in the place of a key that the job does not give, or reports that it must.
func (d *decoder) absent(k *Key, n *node, path string) {
	_, name := k.split()
	if k.Required {
		where := "of the job"
		if path != "" {
			where = "of [" + path + "]"
		}
		remedy := fmt.Sprintf("add: %s = %s", name, k.Example)
		if k.Type == "table" && path == "" {
			remedy = fmt.Sprintf("add [%s]: %s", k.Name, k.Doc)
		}
		d.failAt(n.src, n.keyAt, join(path, name), fmt.Sprintf("key %s %s is missing", name, where), remedy)
		return
	}
	if k.Default == "" {
		return
	}
	root, err := parse(&source{name: "default", text: "v = " + k.Default})
	if err != nil {
		panic("jobfile: default is not TOML")
	}
	v := root.items[0]
	v.key = name
	before := len(d.errs)
	d.entry(k, v, join(path, name))
	if len(d.errs) > before && d.errs[before].err.File == "default" {
		panic("jobfile: default is not allowed by its own key")
	}
}

// unknown reports a key that no table entry knows, with what was probably meant.
func (d *decoder) unknown(n *node, known []*Key, pattern, path string) {
	var names []string
	for _, k := range known {
		_, name := k.split()
		names = append(names, name)
	}
	where := "at the top of the job"
	if path != "" {
		where = "in [" + path + "]"
	}
	d.failKey(n, join(path, n.key), fmt.Sprintf("unknown key %s %s", n.key, where), d.remedyFor(n.key, names, pattern))
}

func (d *decoder) remedyFor(name string, names []string, pattern string) string {
	for _, c := range names {
		if strings.EqualFold(c, name) {
			return fmt.Sprintf("keys are written as in the table of keys: %s", c)
		}
	}
	for i := range d.keys {
		parent, last := d.keys[i].split()
		if last == name && parent != pattern && !strings.Contains(parent, "<") {
			if parent == "" {
				return fmt.Sprintf("%s belongs at the top of the job", name)
			}
			return fmt.Sprintf("%s belongs in [%s]", name, strings.TrimSuffix(parent, "[]"))
		}
	}
	if c := nearest(name, names); c != "" {
		return fmt.Sprintf("did you mean %s?", c)
	}
	if len(names) == 0 {
		return "this table has no keys"
	}
	return "known here: " + strings.Join(names, ", ")
}

// wrongType reports a value that is not what its key takes.
func (d *decoder) wrongType(k *Key, n *node, path string) {
	remedy := ""
	if k.Example != "" {
		_, name := k.split()
		if chosen(name) {
			name = n.key
		}
		if name == "" {
			name = path[strings.LastIndexByte(path, '.')+1:]
		}
		remedy = fmt.Sprintf("for example %s = %s", bareOrQuoted(name), k.Example)
	} else if k.Type == "list of tables" {
		remedy = fmt.Sprintf("write [[%s]] and its keys below", path)
	}
	takes := withArticle(k.Type)
	if strings.HasSuffix(path, "]") {
		takes = elementType(k.Type)
	}
	d.fail(n, path, fmt.Sprintf("%s is %s; it takes %s", path, n.kind, takes), remedy)
}

// elementType is what an element of a list is: "list of integers" holds "an integer".
func elementType(t string) string {
	for _, prefix := range []string{"list of lists of ", "list of ", "pair of ", "integer or list of "} {
		if rest, ok := strings.CutPrefix(t, prefix); ok {
			rest, _, _ = strings.Cut(rest, ",")
			return withArticle(strings.TrimSuffix(rest, "s"))
		}
	}
	return withArticle(t)
}

func withArticle(s string) string {
	if strings.HasPrefix(s, "integer") || strings.HasPrefix(s, "expression") || strings.HasPrefix(s, "equation") {
		return "an " + s
	}
	return "a " + s
}
