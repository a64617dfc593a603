package main

import (
	"bytes"
	"net"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/dns/dnsmessage"
)

// dnsServer VAR FILE: a DNS server on loopback, whose address VAR gets. Each line
// of the file is a record: NAME TXT TEXT, or NAME MX HOST. A name that is not
// there does not exist; one whose type is FAIL has a server that fails.
func dnsServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: dnsserver VAR FILE")
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close() })
	ts.Setenv(args[0], conn.LocalAddr().String())
	records := map[string][][2]string{}
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		if f := strings.SplitN(strings.TrimSpace(line), " ", 3); len(f) == 3 {
			records[f[0]+"."] = append(records[f[0]+"."], [2]string{f[1], f[2]})
		}
	}
	go func() {
		question := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			if answer := answerDNS(question[:n], records); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
}

func answerDNS(question []byte, records map[string][][2]string) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	q := m.Questions[0]
	found, there := records[strings.ToLower(q.Name.String())]
	if !there {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, r := range found {
		header := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type, TTL: 1}
		switch {
		case r[0] == "FAIL":
			m.RCode = dnsmessage.RCodeServerFailure
		case r[0] == "TXT" && q.Type == dnsmessage.TypeTXT:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.TXTResource{TXT: strings255(r[1])}})
		case r[0] == "MX" && q.Type == dnsmessage.TypeMX:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.MXResource{Pref: 10, MX: dnsmessage.MustNewName(r[1])}})
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// strings255 cuts a text as TXT records have it (RFC 1035 §3.3.14).
func strings255(text string) (parts []string) {
	for rest := []byte(text); len(rest) > 0; {
		part := rest[:min(len(rest), 255)]
		parts, rest = append(parts, string(bytes.Clone(part))), rest[len(part):]
	}
	return parts
}
