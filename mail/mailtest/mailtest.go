// Package mailtest reads mails as a recipient's server would, by a parser and a
// DKIM verifier that share no line with what wrote and signed them: those of
// another language. Debian has them as python3-dkim and python3-nacl.
package mailtest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os/exec"
	"testing"
)

// Mail is what the other parser makes of a mail.
type Mail struct {
	Headers    map[string][]string
	Parts      map[string]string // by content type
	Type       string            // of the whole
	Defects    []string          // what is not as it should be
	Signatures []Signature
}

// Signature is a DKIM signature of it.
type Signature struct {
	Good                                 bool
	Domain, Selector, Algorithm, Headers string
}

//go:embed read_mail.py
var script string

// Read parses a mail; records are the DNS's, by name.
func Read(t *testing.T, raw string, records map[string]string) Mail {
	t.Helper()
	given, err := json.Marshal(map[string]any{"mail": raw, "records": records})
	if err != nil {
		t.Fatal(err)
	}
	var out, complaint bytes.Buffer
	python := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", script) //nolint:gosec // the script is ours
	python.Stdin, python.Stdout, python.Stderr = bytes.NewReader(given), &out, &complaint
	if err := python.Run(); err != nil {
		t.Fatalf("Python: %v (apt-get install python3-dkim python3-nacl)\n%s", err, &complaint)
	}
	var m Mail
	if err := json.Unmarshal(out.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	return m
}
