package report

import (
	"fmt"
	"io"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// Figures writes a table of numbers: the first column names the row, the others
// are set to the right.
func Figures(w io.Writer, header []string, rows [][]string) error {
	align := make([]tw.Align, len(header))
	for i := range align {
		align[i] = tw.AlignRight
	}
	align[0] = tw.AlignLeft
	out := &lineTrimmer{w: w}
	table := tablewriter.NewTable(out, plain(align, false)...)
	table.Header(header)
	for _, row := range rows {
		if err := table.Append(row); err != nil {
			return fmt.Errorf("write the table: %w", err)
		}
	}
	if err := table.Render(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return out.flush()
}

// plain sets tablewriter to draw our cells as they are: no borders, no wrapping, no
// reformatting, two blanks between columns.
func plain(align []tw.Align, markdown bool) []tablewriter.Option {
	cell := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Alignment:  tw.CellAlignment{PerColumn: align},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: "  ", Overwrite: true}},
	}
	draw := tw.Renderer(renderer.NewBlueprint(tw.Rendition{
		Borders:  tw.BorderNone,
		Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
	}))
	if markdown {
		cell.Padding.Global = tw.Padding{Left: " ", Right: " ", Overwrite: true}
		draw = renderer.NewMarkdown()
	}
	return []tablewriter.Option{
		tablewriter.WithConfig(tablewriter.Config{Header: cell, Row: cell, Behavior: tw.Behavior{TrimSpace: tw.Off}}),
		tablewriter.WithEastAsian(tw.Off), // the same bytes in every locale
		tablewriter.WithRenderer(draw),
	}
}
