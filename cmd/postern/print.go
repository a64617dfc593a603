package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

func printJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(v)
}

// tell says what a command has done: as JSON, or in a sentence.
func (t *terminal) tell(asJSON bool, v any, format string, args ...any) error {
	if asJSON {
		return printJSON(t.stdout, v)
	}
	_, err := fmt.Fprintln(t.stdout, fmt.Sprintf(format, args...))
	return err
}

// printList prints what there is: as JSON, or as a table whose rows have tabs
// between their columns.
func printList[V any](term *terminal, asJSON bool, list []V, row func(V) string) error {
	if asJSON {
		return printJSON(term.stdout, list)
	}
	table := tabwriter.NewWriter(term.stdout, 0, 0, 2, ' ', 0)
	for _, v := range list {
		_, _ = fmt.Fprintln(table, row(v))
	}
	return table.Flush()
}
