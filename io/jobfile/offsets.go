package jobfile

import "strings"

// go-toml's parser gives the places of scalars but not of lists; these find them in the text, which it has accepted.

// afterEquals finds the value behind a key that ends at offset i.
func (b *builder) afterEquals(i int) int {
	t := b.src.text
	for i < len(t) && (t[i] == ' ' || t[i] == '\t' || t[i] == '=') {
		i++
	}
	return i
}

// elementAt finds the next element of a list at or behind offset i, skipping spaces, commas and comments.
func (b *builder) elementAt(i int) int {
	t := b.src.text
	for i < len(t) {
		switch t[i] {
		case ' ', '\t', '\r', '\n', ',':
			i++
		case '#':
			for i < len(t) && t[i] != '\n' {
				i++
			}
		default:
			return i
		}
	}
	return i
}

// end is an offset behind a value, exact for lists, at least inside for others: the next element starts behind it.
func (b *builder) end(n *node) int {
	t := b.src.text
	switch n.kind {
	case list:
		i := n.at + 1
		if len(n.items) > 0 {
			i = b.end(n.items[len(n.items)-1])
		}
		if i = b.elementAt(i); i < len(t) && t[i] == ']' {
			i++
		}
		return i
	case table:
		i := n.at + 1
		if len(n.items) > 0 {
			i = b.end(n.items[len(n.items)-1])
		}
		if i = b.elementAt(i); i < len(t) && t[i] == '}' {
			i++
		}
		return i
	case text:
		return n.at + quotedLength(t[n.at:])
	}
	return n.at + len(n.text)
}

// quotedLength is the length of the string literal, quotes included, at the start of t.
func quotedLength(t string) int {
	q := t[:1]
	if strings.HasPrefix(t, q+q+q) {
		q = t[:3]
	}
	for i := len(q); i < len(t); i++ {
		if q[0] == '"' && t[i] == '\\' {
			i++
		} else if strings.HasPrefix(t[i:], q) {
			return i + len(q)
		}
	}
	return len(t)
}
