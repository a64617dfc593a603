package mail_test

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/xdg-go/scram"

	"postern/mail"
)

// Who the test's server knows.
const (
	someone  = "ann@acme.example"
	password = "pencil, two"
)

// auth plays the server's side of a login (RFC 4954). The script may refuse it
// at AUTH, at once or with a challenge as XOAUTH2 does.
func (d *dialogue) auth(line string) bool {
	mechanism, _, _ := strings.Cut(line, " ")
	reply := d.script(d.n, "AUTH")
	switch {
	case strings.HasPrefix(reply, "334"):
		return d.say("AUTH", "") && d.hear() != "" && d.say("REFUSE", "535 5.7.3 no")
	case reply != "":
		return d.say("AUTH", "")
	case mechanism == "LOGIN":
		user, pass := d.ask("User Name"), d.ask("Password")
		return d.welcome(user == someone && pass == password)
	case strings.HasPrefix(mechanism, "SCRAM"):
		return d.welcome(d.scram(strings.HasSuffix(mechanism, "-PLUS")))
	default:
		return d.say("AUTH", "235 welcome")
	}
}

func (d *dialogue) welcome(known bool) bool {
	if known {
		return d.say("WELCOME", "235 2.7.0 welcome")
	}
	return d.say("WELCOME", "535 5.7.8 who?")
}

// hear takes down a line of a login.
func (d *dialogue) hear() string {
	line, err := d.reader.ReadLine()
	if err != nil {
		return ""
	}
	d.mu.Lock()
	d.commands = append(d.commands, "> "+line)
	d.mu.Unlock()
	return line + " "
}

// ask sends a challenge and gives the decoded answer.
func (d *dialogue) ask(challenge string) string {
	d.say("CHALLENGE", "334 "+base64.StdEncoding.EncodeToString([]byte(challenge)))
	answer, err := base64.StdEncoding.DecodeString(strings.TrimSpace(d.hear()))
	if err != nil {
		return ""
	}
	return string(answer)
}

// scram is another library's server side (RFC 5802, RFC 9266).
func (d *dialogue) scram(bound bool) bool {
	client, err := scram.SHA256.NewClient(someone, password, "")
	if err != nil {
		d.Error(err)
		return false
	}
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt and more salt", Iters: 4096})
	if err != nil {
		d.Error(err)
		return false
	}
	server, err := scram.SHA256.NewServer(func(user string) (scram.StoredCredentials, error) {
		if user != someone {
			return scram.StoredCredentials{}, fmt.Errorf("unknown user %q", user)
		}
		return stored, nil
	})
	if err != nil {
		d.Error(err)
		return false
	}
	talk := server.NewConversation()
	if bound {
		state := d.conn.(*tls.Conn).ConnectionState()
		binding, err := scram.NewTLSExporterBinding(&state)
		if err != nil {
			d.Error(err)
			return false
		}
		talk = server.NewConversationWithChannelBindingRequired(binding)
	}
	heard := d.ask("")
	for !talk.Done() {
		challenge, err := talk.Step(heard)
		if err != nil {
			return false
		}
		heard = d.ask(challenge)
	}
	return talk.Valid() && heard == ""
}

func TestLogins(t *testing.T) {
	cert, pool := certificate(t)
	all := "AUTH NTLM CRAM-MD5 DIGEST-MD5 LOGIN PLAIN SCRAM-SHA-256"
	for _, c := range []struct {
		name, offered string
		auth          mail.Mechanism
		password      mail.Secret
		want          error
		used          string // the one AUTH command
	}{
		{"PLAIN, as named", all, mail.Plain, password, nil, "AUTH PLAIN "},
		{"LOGIN, as named", all, mail.Login, password, nil, "AUTH LOGIN"},
		{"LOGIN with a wrong password", all, mail.Login, "pen", mail.ErrLogin, "AUTH LOGIN"},
		{"SCRAM, as named", all, mail.ScramSHA256, password, nil, "AUTH SCRAM-SHA-256"},
		{"SCRAM with a wrong password", all, mail.ScramSHA256, "pen", mail.ErrLogin, "AUTH SCRAM-SHA-256"},
		{"SCRAM is bound where it can be", all + " SCRAM-SHA-256-PLUS", mail.ScramSHA256, password, nil, "AUTH SCRAM-SHA-256-PLUS"},
		{"SCRAM, bound", "AUTH SCRAM-SHA-256-PLUS", mail.ScramSHA256Plus, password, nil, "AUTH SCRAM-SHA-256-PLUS"},
		{"SCRAM has to be bound and cannot be", all, mail.ScramSHA256Plus, password, mail.ErrLogin, ""},
		{"PLAIN where only others are offered", "AUTH NTLM CRAM-MD5 LOGIN", mail.Plain, password, mail.ErrLogin, ""},
		{"a name within another's", "AUTH XPLAIN", mail.Plain, password, mail.ErrLogin, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t, usual, withTLS(cert, true), offering(c.offered))
			transport := dialTo(t, s, func(config *mail.SMTPConfig) {
				config.TLS = &tls.Config{RootCAs: pool}
				config.Account.TLS, config.Account.Auth = mail.ImplicitTLS, c.auth
				config.Account.User, config.Account.Password = someone, c.password
			})
			err := transport.Send(t.Context(), message())
			if !errors.Is(err, c.want) || err != nil && c.want == nil {
				t.Errorf("got %v, want %v", err, c.want)
			}
			var used []string
			for _, command := range s.heard() {
				if strings.HasPrefix(command, "AUTH") {
					used = append(used, command)
				}
			}
			if c.used == "" && used != nil || c.used != "" && (len(used) != 1 || !strings.HasPrefix(used[0], c.used)) {
				t.Errorf("logged in by %q, want %q", used, c.used)
			}
			if err != nil && strings.Contains(err.Error(), string(c.password)) {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
}

func TestALoginThatIsRefusedForNowIsNoRefusal(t *testing.T) {
	s := startServer(t, on("AUTH", "454 4.7.0 temporary failure"), offering("AUTH PLAIN"))
	err := dialTo(t, s, func(c *mail.SMTPConfig) {
		c.Account.User, c.Account.Password, c.Account.Auth = someone, password, mail.Plain
	}).Send(t.Context(), message())
	if !errors.Is(err, mail.ErrTemporary) || errors.Is(err, mail.ErrLogin) {
		t.Error(err)
	}
}
