package main

import (
	"context"
	"log/slog"
	"strings"
)

// messages is the slog.Handler of the program: a warning looks like every other
// message, its attributes in brackets behind it.
type messages struct {
	std   streams
	attrs string
}

// Enabled lets warnings through and what is worse.
func (messages) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle prints one message.
func (m messages) Handle(_ context.Context, r slog.Record) error {
	attrs := m.attrs
	r.Attrs(func(a slog.Attr) bool {
		attrs += ", " + a.Key + " " + a.Value.String()
		return true
	})
	if attrs != "" {
		attrs = " (" + strings.TrimPrefix(attrs, ", ") + ")"
	}
	m.std.say("%s%s", r.Message, attrs)
	return nil
}

// WithAttrs adds attributes to each message.
func (m messages) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		m.attrs += ", " + a.Key + " " + a.Value.String()
	}
	return m
}

// WithGroup has no use here: messages are for people.
func (m messages) WithGroup(string) slog.Handler { return m }
