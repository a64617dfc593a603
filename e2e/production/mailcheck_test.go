package production_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// refusing is a mail server that refuses every login.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go refuse(conn)
		}
	}()
	return l.Addr().String()
}

func refuse(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "220 mail.example ESMTP\r\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch verb, _, _ := strings.Cut(lines.Text(), " "); strings.ToUpper(verb) {
		case "EHLO":
			fmt.Fprint(conn, "250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n")
		case "AUTH":
			fmt.Fprint(conn, "535 5.7.8 no such login\r\n")
		case "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "503 5.5.1 log in\r\n")
		}
	}
}

// A mail server that refuses is told of at the start, with what to do, and no
// word of the password; all but mail is served.
func TestAMailServerThatRefusesIsToldOfAtTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ smtp, step string }{
		"the login is refused": {"smtp://user:hunter2@" + refusing(t), `"step":"login"`},
		"nobody listens":       {"smtp://user:hunter2@127.0.0.1:1", `"step":"connect"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t)
			p := w.start("--smtp", c.smtp)
			eventually(t, 10*time.Second, "it is told", func() bool {
				log := p.logs.String()
				return strings.Contains(log, "mail server refuses") && strings.Contains(log, c.step) && strings.Contains(log, `"mend":"`)
			})
			if strings.Contains(p.logs.String(), "hunter2") {
				t.Error("the log holds the password")
			}
			if status, _, err := p.get("/readyz"); err != nil || status != http.StatusOK {
				t.Errorf("/readyz: %d, %v", status, err)
			}
		})
	}
	w := onSQLite(t)
	p := w.start()
	eventually(t, 10*time.Second, "a good one is told of", func() bool { return strings.Contains(p.logs.String(), "mail server is there") })
}
