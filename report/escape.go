package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// forTerminal makes text of others safe to print: control characters, escape
// sequences, bytes that are no UTF-8 and characters that turn the writing
// direction appear as their escapes (\x1b, \u202e).
func forTerminal(s string) string {
	clean := true
	for _, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x`)
			b.WriteString(pad(strconv.FormatUint(uint64(s[i]), 16), 2, '0'))
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
}

// forSpreadsheet keeps a text cell from being run as a formula: spreadsheets
// evaluate what begins with one of these, an apostrophe before it says "text".
func forSpreadsheet(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		return "'" + s
	}
	return s
}

// markdownSpecial is what Markdown, or the HTML inside it, would not print as it stands.
var markdownSpecial = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`, "#", `\#`,
	"<", "&lt;", ">", "&gt;", "&", "&amp;",
)

// forMarkdown makes text safe inside a line or a table cell of Markdown.
func forMarkdown(s string) string {
	return markdownSpecial.Replace(forTerminal(strings.ReplaceAll(s, nbsp, " ")))
}

// forShell writes a path as one word of a command line that can be pasted.
func forShell(path string) string {
	if strings.HasPrefix(path, "-") {
		path = "./" + path // or it would be taken for a flag
	}
	plain := path != ""
	for _, r := range path {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("./_-+:,@%=", r) || r > unicode.MaxASCII && unicode.IsLetter(r)) {
			plain = false
		}
	}
	switch {
	case plain:
		return path
	case forTerminal(path) != path: // the only spelling that is both printable and exact
		return "$'" + strings.ReplaceAll(forTerminal(strings.ReplaceAll(path, `\`, `\\`)), "'", `\'`) + "'"
	default:
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
}
