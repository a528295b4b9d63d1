package expr

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenNumber
	tokenName
	tokenSign // operators and brackets
	tokenBad  // what the language does not have; reported when the parser gets there
)

type token struct {
	kind   tokenKind
	text   string
	at     int // first byte
	number float64
	hint   string // tokenBad
}

// foreign are signs that people write, with what to write instead; longer ones first.
var foreign = []struct{ sign, msg, hint string }{
	{"==", "== is not used here", "an equation has a single ="},
	{"<=", "comparisons are not available", "step(b - a) is 1 where a <= b, else 0"},
	{">=", "comparisons are not available", "step(a - b) is 1 where a >= b, else 0"},
	{"<", "comparisons are not available", "step(b - a) is 1 where a <= b, else 0"},
	{">", "comparisons are not available", "step(a - b) is 1 where a >= b, else 0"},
	{"!", "! is not an operator", ""},
	{"&", "& is not an operator", "multiply step functions instead"},
	{"|", "| is not an operator", "write abs(...) for an absolute value"},
	{"%", "% is not an operator", ""},
	{"[", "[ ] are not used in expressions", "use parentheses ( )"},
	{"]", "[ ] are not used in expressions", "use parentheses ( )"},
	{"{", "{ } are not used in expressions", "use parentheses ( )"},
	{"}", "{ } are not used in expressions", "use parentheses ( )"},
	{";", "; is not used here", "separate arguments by commas, equations as list entries"},
	{"\"", "a quotation mark does not belong in an expression", ""},
	{"'", "' does not mark a derivative", "write the coordinate: u_x, or d(expr, x)"},
	{"’", "’ does not mark a derivative", "write the coordinate: u_x, or d(expr, x)"},
	{"∂", "∂ is not available", "write u_x for ∂u/∂x, or d(expr, x)"},
	{"∇", "∇ is not available", "write the derivatives: u_x, u_y, or u_xx + u_yy"},
	{"√", "√ is not available", "write sqrt(...)"},
	{"∑", "∑ is not available", "write sum(i=1..n, ...)"},
	{"∏", "∏ is not available", "write prod(i=1..n, ...)"},
	{"²", "superscripts are not available", "write ^2"},
	{"³", "superscripts are not available", "write ^3"},
	{"·", "this dot is not an operator", "write * for multiplication"},
	{"⋅", "this dot is not an operator", "write * for multiplication"},
	{"×", "× is not an operator", "write * for multiplication"},
	{"÷", "÷ is not an operator", "write / for division"},
	{"−", "this is not the minus sign of the keyboard", "write -"},
	{"–", "this is not the minus sign of the keyboard", "write -"},
	{"�", "the text is not valid UTF-8", ""},
}

// lex splits src into tokens; the last one is tokenEnd.
func lex(src string) []token {
	var ts []token
	for at := 0; at < len(src); {
		r, size := utf8.DecodeRuneInString(src[at:])
		t := token{at: at}
		switch {
		case unicode.IsSpace(r):
			at += size
			continue
		case isDigit(r) || r == '.' && at+1 < len(src) && isDigit(rune(src[at+1])) && !after(ts, tokenName):
			t.kind, t.text = tokenNumber, src[at:at+numberLen(src[at:])]
			v, err := strconv.ParseFloat(t.text, 64)
			t.number = v
			if err != nil {
				t.kind, t.hint = tokenBad, "the largest number is about 1.8e308"
			}
		case isLetter(r):
			n := strings.IndexFunc(src[at:], func(r rune) bool { return !isLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) })
			if n < 0 {
				n = len(src) - at
			}
			t.kind, t.text = tokenName, src[at:at+n]
		case strings.HasPrefix(src[at:], "**"), strings.HasPrefix(src[at:], ".."):
			t.kind, t.text = tokenSign, src[at:at+2]
		case strings.ContainsRune("+-*/^(),.", r), r == '=' && !strings.HasPrefix(src[at:], "=="):
			t.kind, t.text = tokenSign, src[at:at+1]
		default:
			t.kind, t.text = tokenBad, src[at:at+size]
			for _, f := range foreign {
				if strings.HasPrefix(src[at:], f.sign) {
					t.text, t.hint = f.sign, f.hint
					break
				}
			}
		}
		at += len(t.text)
		ts = append(ts, t)
	}
	return append(ts, token{kind: tokenEnd, at: len(src)})
}

// complaint is what is wrong with a tokenBad.
func (t token) complaint() string {
	if isDigit(rune(t.text[0])) || t.text[0] == '.' {
		return "the number " + t.text + " is too large"
	}
	for _, f := range foreign {
		if t.text == f.sign {
			return f.msg
		}
	}
	if !utf8.ValidString(t.text) {
		return "the text is not valid UTF-8"
	}
	return "unexpected character " + strconv.QuoteRune([]rune(t.text)[0])
}

func after(ts []token, k tokenKind) bool { return len(ts) > 0 && ts[len(ts)-1].kind == k }

func isDigit(r rune) bool  { return '0' <= r && r <= '9' }
func isLetter(r rune) bool { return r == '_' || unicode.IsLetter(r) }

// numberLen is the length of the number that s begins with. "1..6" begins with 1, "2exp(x)" with 2.
func numberLen(s string) int {
	digits := func(i int) int {
		for i < len(s) && isDigit(rune(s[i])) {
			i++
		}
		return i
	}
	n := digits(0)
	if n < len(s) && s[n] == '.' && !strings.HasPrefix(s[n:], "..") {
		n = digits(n + 1)
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		m := n + 1
		if m < len(s) && (s[m] == '+' || s[m] == '-') {
			m++
		}
		if m < len(s) && isDigit(rune(s[m])) {
			n = digits(m)
		}
	}
	return n
}
