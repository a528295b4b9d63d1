package jobfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// kind of a value in a job file.
type kind int

const (
	table kind = iota
	list
	text
	integer
	real
	truth
	moment // a date or time: TOML has them, jobs do not
)

func (k kind) String() string {
	return [...]string{"a table", "a list", "a text", "a whole number", "a number", "true or false", "a date"}[k]
}

// source is a text that values come from: the file, or one --set argument.
type source struct {
	name string
	text string
	rank int // order of reading, to sort errors
}

// node is a value with its place. Tables keep the order of the file, which TOML libraries' maps lose: the order of
// coordinates and parameters has a meaning here.
type node struct {
	kind  kind
	key   string  // name in its table
	text  string  // value of a text, spelling of any other scalar
	items []*node // entries of a table, elements of a list
	src   *source
	keyAt int // offset of the key, or of the table's header
	at    int // offset of the value

	inline  bool // { } or [ ] or a scalar: cannot be extended by later headers
	defined bool // table named by a header of its own
}

// document is a parsed job file with overrides applied.
type document struct {
	src  *source
	root *node
}

func (n *node) child(key string) *node {
	for _, c := range n.items {
		if c.key == key {
			return c
		}
	}
	return nil
}

// put adds c to the table or replaces the entry of that name.
func (n *node) put(c *node) {
	for i, o := range n.items {
		if o.key == c.key {
			n.items[i] = c
			return
		}
	}
	n.items = append(n.items, c)
}

// parse reads TOML into a tree with positions. go-toml's parser does the grammar; the tree building here keeps order and
// place and reports duplicates with both places; go-toml's decoder then confirms the document as a whole.
func parse(src *source) (*node, error) {
	root := &node{kind: table, src: src, defined: true}
	if len(src.text) > maxFile {
		return nil, at(src, 0, "", fmt.Sprintf("a job file of %d MiB", len(src.text)>>20), "job files are texts of some kilobytes: is this the right file?")
	}
	b := builder{src: src}
	b.p.Reset([]byte(src.text))
	here := root
	for b.p.NextExpression() {
		e := b.p.Expression()
		var err error
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			here, err = b.header(root, e)
		case unstable.KeyValue:
			err = b.keyValue(here, e)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := b.p.Error(); err != nil {
		var pe *unstable.ParserError
		if errors.As(err, &pe) {
			return nil, at(src, b.offset(pe.Highlight), "", syntax(pe.Message), cure(pe.Message))
		}
		return nil, at(src, 0, "", syntax(err.Error()), "")
	}
	var ignored map[string]any
	if err := toml.Unmarshal([]byte(src.text), &ignored); err != nil {
		var de *toml.DecodeError
		if errors.As(err, &de) {
			line, col := de.Position()
			return nil, at(src, offsetOf(src.text, line, col), strings.Join(de.Key(), "."), syntax(err.Error()), cure(err.Error()))
		}
		return nil, at(src, 0, "", syntax(err.Error()), "")
	}
	return root, nil
}

// maxFile bounds the text of a job, so that a wrong path cannot exhaust memory.
const maxFile = 16 << 20

func syntax(msg string) string {
	return "not TOML: " + strings.TrimPrefix(msg, "toml: ")
}

// cure is a remedy for the slips that are common in job files, recognised by what go-toml says of them.
func cure(msg string) string {
	for _, c := range []struct{ part, remedy string }{
		{"at start of value", `texts stand in quotes, as in solver = "adam"; numbers begin with a digit or a sign`},
		{"expected '='", "write key = value"},
		{"after array value", "close the list with ], or separate its elements by commas"},
		{"array is incomplete", "close the list with ]"},
		{"cannot have new lines", "close the text with its quote in the same line, or use three quotes for a text of several lines"},
		{"leading zeroes", "delete the leading zeros"},
		{"expected newline", "one key a line; texts stand in quotes"},
		{"start of key", `a line is a [table], or key = value; keys with other characters than A-Z a-z 0-9 _ - stand in quotes`},
	} {
		if strings.Contains(msg, c.part) {
			return c.remedy
		}
	}
	return ""
}

type builder struct {
	src *source
	p   unstable.Parser
}

func (b *builder) offset(part []byte) int {
	if part == nil {
		return len(b.src.text)
	}
	return int(b.p.Range(part).Offset)
}

// header opens the table of [a.b] or a new element of [[a.b]].
func (b *builder) header(root *node, e *unstable.Node) (*node, error) {
	here, keyAt := root, int(e.Child().Raw.Offset) // faults of a table are shown at the start of its header
	for it := e.Key(); it.Next(); {
		key := string(it.Node().Data)
		next := here.child(key)
		if next != nil && next.inline {
			return nil, b.twice(next, keyAt)
		}
		switch {
		case it.IsLast() && e.Kind == unstable.ArrayTable:
			if next == nil {
				next = &node{kind: list, key: key, src: b.src, keyAt: keyAt, at: keyAt}
				here.items = append(here.items, next)
			}
			if next.kind != list {
				return nil, b.twice(next, keyAt)
			}
			t := &node{kind: table, src: b.src, keyAt: keyAt, at: keyAt, defined: true}
			next.items = append(next.items, t)
			return t, nil
		case next == nil:
			next = &node{kind: table, key: key, src: b.src, keyAt: keyAt, at: keyAt}
			here.items = append(here.items, next)
		case it.IsLast() && (next.defined || next.kind != table):
			return nil, b.twice(next, keyAt)
		}
		if it.IsLast() {
			next.defined, next.keyAt, next.at = true, keyAt, keyAt
		}
		here = next
		if here.kind == list {
			here = here.items[len(here.items)-1]
		}
	}
	return here, nil
}

// keyValue enters "a.b = value" into the table.
func (b *builder) keyValue(here *node, e *unstable.Node) error {
	for it := e.Key(); it.Next(); {
		k := it.Node()
		key, keyAt := string(k.Data), int(k.Raw.Offset)
		next := here.child(key)
		if it.IsLast() {
			if next != nil {
				return b.twice(next, keyAt)
			}
			v, err := b.value(e.Value(), b.afterEquals(keyAt+int(k.Raw.Length)))
			if err != nil {
				return err
			}
			v.key, v.keyAt = key, keyAt
			here.items = append(here.items, v)
			return nil
		}
		if next == nil {
			next = &node{kind: table, key: key, src: b.src, keyAt: keyAt, at: keyAt, defined: true}
			here.items = append(here.items, next)
		}
		if next.kind != table || next.inline {
			return b.twice(next, keyAt)
		}
		here = next
	}
	return nil
}

// value converts a value and what is in it; at is where it starts if the parser does not say.
func (b *builder) value(v *unstable.Node, at int) (*node, error) {
	n := &node{src: b.src, at: at, inline: true, text: string(v.Data)}
	if v.Raw.Length > 0 {
		n.at = int(v.Raw.Offset)
	}
	switch v.Kind {
	case unstable.String:
		n.kind = text
	case unstable.Integer:
		n.kind = integer
		if i := strings.ReplaceAll(n.text, "_", ""); len(i) > 18 { // go-toml checks the rest of the spelling
			if _, err := strconv.ParseInt(i, 0, 64); errors.Is(err, strconv.ErrRange) {
				return nil, b.beyond(n, "a 64-bit integer")
			}
		}
	case unstable.Float:
		n.kind = real
		if _, err := strconv.ParseFloat(strings.ReplaceAll(n.text, "_", ""), 64); errors.Is(err, strconv.ErrRange) {
			return nil, b.beyond(n, "a double-precision number")
		}
	case unstable.Bool:
		n.kind = truth
	case unstable.Array:
		n.kind = list
		next := at + 1
		for it := v.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			c, err := b.value(it.Node(), b.elementAt(next))
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, c)
			next = b.end(c)
		}
	case unstable.InlineTable:
		n.kind = table
		for it := v.Children(); it.Next(); {
			if it.Node().Kind != unstable.KeyValue {
				continue
			}
			if err := b.keyValue(n, it.Node()); err != nil {
				return nil, err
			}
		}
	default:
		n.kind = moment
	}
	return n, nil
}

func (b *builder) beyond(n *node, what string) error {
	return at(b.src, n.at, "", fmt.Sprintf("%s does not fit %s", n.text, what), "give a smaller number")
}

func (b *builder) twice(first *node, offset int) error {
	line, _ := lineCol(first.src.text, first.keyAt)
	e := at(b.src, offset, first.key, fmt.Sprintf("%s is given twice", first.key), fmt.Sprintf("the first one is in line %d; delete one of them", line))
	return e
}

// value of a number; ok is false for "nan" and "inf", for overflow, and for underflow to zero.
func (n *node) number() (v float64, ok bool) {
	s := strings.ReplaceAll(n.text, "_", "")
	if n.kind == integer {
		i, err := strconv.ParseInt(s, 0, 64)
		return float64(i), err == nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v-v != 0 {
		return v, false
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	if v == 0 && strings.Trim(mantissa, "+-0.") != "" {
		return 0, false
	}
	return v, true
}

// whole value; ok is false if it does not fit 64 bits.
func (n *node) whole() (int64, bool) {
	i, err := strconv.ParseInt(strings.ReplaceAll(n.text, "_", ""), 0, 64)
	return i, err == nil
}
