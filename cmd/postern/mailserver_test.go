package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// mailServer VAR [VERB REPLY]: a mail server on loopback, whose address VAR gets.
// It takes every mail, but answers the verb so.
func mailServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 3 {
		ts.Fatalf("usage: mailserver VAR [VERB REPLY]")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		ts.Fatalf("%v", err)
	}
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], l.Addr().String())
	replies := map[string]string{
		"EHLO": "250-test\r\n250 AUTH PLAIN", "AUTH": "235 2.7.0 welcome", "DATA": "354 go on", ".": "250 2.0.0 taken", "QUIT": "221 bye",
	}
	if len(args) == 3 {
		replies[args[1]] = args[2]
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go talk(conn, replies)
		}
	}()
}

func talk(conn net.Conn, replies map[string]string) {
	defer conn.Close()
	_, _ = fmt.Fprint(conn, "220 test\r\n")
	data := false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		verb, _, _ := strings.Cut(lines.Text(), " ")
		if data && verb != "." {
			continue
		}
		reply, ok := replies[verb]
		if !ok {
			reply = "250 ok"
		}
		data = verb == "DATA" && strings.HasPrefix(reply, "354")
		_, _ = fmt.Fprint(conn, reply+"\r\n")
	}
}
