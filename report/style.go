package report

import "github.com/tcplife/tcplife/report/anomaly"

// style colours text, or does not.
type style struct{ on bool }

const sgrReset = "\x1b[0m"

// paint wraps s in the SGR parameters ("1;31").
func (st style) paint(sgr, s string) string {
	if !st.on || sgr == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + sgrReset
}

func (st style) bold(s string) string { return st.paint("1", s) }
func (st style) dim(s string) string  { return st.paint("2", s) }

// severityColor returns the SGR parameters of a severity; they read on dark and on
// light backgrounds.
func severityColor(s anomaly.Severity) string {
	switch s {
	case anomaly.Error:
		return "1;31"
	case anomaly.Warn:
		return "33"
	case anomaly.Note:
		return "36"
	case anomaly.Quality:
		return "35"
	}
	return ""
}

// severityLabel shouts what hurts a user, and says the rest.
func severityLabel(s anomaly.Severity) string {
	switch s {
	case anomaly.Error:
		return "ERROR"
	case anomaly.Warn:
		return "WARN"
	case anomaly.Note, anomaly.Quality:
	}
	return s.String()
}
