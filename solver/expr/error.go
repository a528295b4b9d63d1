package expr

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Error is a mistake in an expression: what is wrong, where, and what to write instead.
type Error struct {
	Src  string // the text of the expression
	Col  int    // first byte of the mistake
	Len  int    // bytes
	Msg  string
	Hint string // may be empty
	In   string // name of the helper function whose body Src is, or empty
}

// window is how much of a long line is shown on each side of a mistake.
const window = 60

// Error shows message, line, caret and hint on lines of their own.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Msg)
	if e.In != "" {
		b.WriteString(" (in the function " + e.In + ")")
	}
	line, col := e.Src, min(e.Col, len(e.Src))
	if i := strings.LastIndexByte(line[:col], '\n'); i >= 0 {
		line, col = line[i+1:], col-i-1
	}
	if i := strings.IndexByte(line[col:], '\n'); i >= 0 {
		line = line[:col+i]
	}
	before, mark, after := line[:col], line[col:min(col+e.Len, len(line))], line[min(col+e.Len, len(line)):]
	before, mark, after = clean(before), clean(mark), clean(after)
	if r := []rune(before); len(r) > window {
		before = "..." + string(r[len(r)-window:])
	}
	if r := []rune(mark); len(r) > window {
		mark, after = string(r[:window]), "..."
	}
	if r := []rune(after); len(r) > window {
		after = string(r[:window]) + "..."
	}
	b.WriteString("\n    " + before + mark + after)
	b.WriteString("\n    " + strings.Repeat(" ", utf8.RuneCountInString(before)) + "^")
	b.WriteString(strings.Repeat("~", max(0, utf8.RuneCountInString(mark)-1)))
	if e.Hint != "" {
		b.WriteString("\n    " + e.Hint)
	}
	return b.String()
}

// clean keeps the caret under its place and terminals alive: one column for every control character.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// aliases are names from other languages and papers.
var aliases = map[string]string{
	"ln": "log", "arctan": "atan", "arcsin": "asin", "arccos": "acos", "heaviside": "step", "sgn": "sign", "fabs": "abs",
	"π": "pi", "Pi": "pi", "PI": "pi", "diff": "d", "D": "d", "grad": "d", "logistic": "sigmoid", "expit": "sigmoid",
	"product": "prod", "maximum": "max", "minimum": "min",
}

// nearest returns the candidate that name was probably meant to be, or "".
func nearest(name string, candidates []string) string {
	if a := aliases[name]; a != "" && slices.Contains(candidates, a) {
		return a
	}
	slices.Sort(candidates)
	best, least := "", 1+max(1, utf8.RuneCountInString(name)/3)
	for _, c := range candidates {
		if strings.EqualFold(c, name) {
			return c
		}
		d := distance([]rune(name), []rune(c))
		switch shorter := min(utf8.RuneCountInString(c), utf8.RuneCountInString(name)); {
		case d >= shorter: // a single letter is one edit away from any other: no suggestion
		case d < least, d == least && best != "" && closer(name, c, best):
			best, least = c, d
		}
	}
	return best
}

// closer decides between candidates at the same distance: the longer common beginning, then the more similar length.
func closer(name, a, b string) bool {
	common := func(c string) (n int) {
		for n < len(c) && n < len(name) && c[n] == name[n] {
			n++
		}
		return n
	}
	gap := func(c string) int { return max(len(c)-len(name), len(name)-len(c)) }
	if common(a) != common(b) {
		return common(a) > common(b)
	}
	return gap(a) < gap(b)
}

// distance counts the insertions, deletions, substitutions and swaps of neighbours between a and b.
func distance(a, b []rune) int {
	var before, last, row []int
	last = make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row = make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
