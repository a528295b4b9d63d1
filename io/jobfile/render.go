package jobfile

import (
	"fmt"
	"strings"
)

// render writes a tree as TOML: the canonical text of a job. Plain entries come first, since behind a sub-table they would
// fall into that; where order has a meaning (coordinates, parameters), sub-tables are written inline instead.
func render(root *node) string {
	var b strings.Builder
	renderTable(&b, root, "")
	return strings.TrimPrefix(b.String(), "\n")
}

func renderTable(b *strings.Builder, t *node, path string) {
	ordered := path == "domain." || path == "parameters." || path == "functions."
	var blocks []*node
	for _, c := range t.items {
		if c.block() && !ordered {
			blocks = append(blocks, c)
			continue
		}
		fmt.Fprintf(b, "%s = %s\n", bareOrQuoted(c.key), renderValue(c))
	}
	for _, c := range blocks {
		name := path + bareOrQuoted(c.key)
		if c.kind == table {
			fmt.Fprintf(b, "\n[%s]\n", name)
			renderTable(b, c, name+".")
			continue
		}
		for _, e := range c.items {
			fmt.Fprintf(b, "\n[[%s]]\n", name)
			renderTable(b, e, name+".")
		}
	}
}

// block tells whether a value is written under a header of its own.
func (n *node) block() bool {
	return !n.inline && (n.kind == table || n.kind == list)
}

func renderValue(n *node) string {
	var parts []string
	switch n.kind {
	case text:
		return quote(n.text)
	case list:
		for _, c := range n.items {
			parts = append(parts, renderValue(c))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case table:
		for _, c := range n.items {
			parts = append(parts, bareOrQuoted(c.key)+" = "+renderValue(c))
		}
		if len(parts) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return n.text
}

// bareOrQuoted writes a key.
func bareOrQuoted(key string) string {
	for _, r := range key {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-') {
			return quote(key)
		}
	}
	if key == "" {
		return `""`
	}
	return key
}

// quote writes a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
