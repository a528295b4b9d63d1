package jobfile

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a fault in a job file: where it stands, what is wrong and what to do about it.
type Error struct {
	File      string // path, or the --set argument's name
	Line, Col int    // from 1; columns count characters
	Key       string // dotted path of the key, "" if none
	Msg       string
	Remedy    string // "" if none is known
	Source    string // the line
}

// Error prints the place, the line with a caret, and the remedy:
//
//	job.toml:12:1: unknown key stesp in [train]
//	    stesp = 500
//	    ^
//	    did you mean steps?
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg)
	if strings.TrimSpace(e.Source) != "" {
		fmt.Fprintf(&b, "\n    %s\n    %s^", visible(e.Source), lead(e.Source, e.Col-1))
	}
	if e.Remedy != "" {
		fmt.Fprintf(&b, "\n    %s", e.Remedy)
	}
	return b.String()
}

// visible replaces control characters, which may do anything to a terminal, by spaces.
func visible(line string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < ' ' || r == 0x7f) {
			return ' '
		}
		return r
	}, line)
}

// lead is white space as wide as the first n characters of the line: tabs stay tabs.
func lead(line string, n int) string {
	var b strings.Builder
	for _, r := range line {
		if n--; n < 0 {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	for ; n > 0; n-- {
		b.WriteByte(' ')
	}
	return b.String()
}

// at builds an error at a byte offset of a source.
func at(src *source, offset int, key, msg, remedy string) *Error {
	e := &Error{File: src.name, Key: key, Msg: msg, Remedy: remedy}
	e.Line, e.Col = lineCol(src.text, offset)
	e.Source = lineOf(src.text, e.Line)
	return e
}

// lineCol converts a byte offset to line and column, both from 1, columns in characters.
func lineCol(text string, offset int) (line, col int) {
	offset = min(max(offset, 0), len(text))
	head := text[:offset]
	line = 1 + strings.Count(head, "\n")
	return line, 1 + utf8.RuneCountInString(head[strings.LastIndexByte(head, '\n')+1:])
}

// offsetOf is the byte offset of a line and a column in bytes, both from 1.
func offsetOf(text string, line, col int) int {
	o := 0
	for ; line > 1; line-- {
		i := strings.IndexByte(text[o:], '\n')
		if i < 0 {
			return len(text)
		}
		o += i + 1
	}
	return min(o+col-1, len(text))
}

func lineOf(text string, line int) string {
	o := offsetOf(text, line, 1)
	l, _, _ := strings.Cut(text[o:], "\n")
	return strings.TrimSuffix(l, "\r")
}

// nearest returns the candidate closest to a misspelt name, or "" if none is close: at most a third of the letters differ,
// counting swapped neighbours as one difference and case as none. A single letter is close to no other.
func nearest(name string, candidates []string) string {
	best, bestCost := "", 1+max(1, len(name)/3)
	for _, c := range candidates {
		if cost := editDistance(strings.ToLower(name), strings.ToLower(c)); cost < bestCost && (cost < len(name) && cost < len(c) || cost == 0) {
			best, bestCost = c, cost
		}
	}
	return best
}

// editDistance counts insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return len(a) + len(b)
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
