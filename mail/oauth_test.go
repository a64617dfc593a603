package mail_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/mail"
)

// tokenEndpoint mints numbered tokens (RFC 6749 §5.1), and remembers what it was asked.
type tokenEndpoint struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []url.Values
	answer func(w http.ResponseWriter, n int)
}

func startTokens(t *testing.T, answer func(w http.ResponseWriter, n int)) *tokenEndpoint {
	t.Helper()
	e := &tokenEndpoint{answer: answer}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		e.mu.Lock()
		e.asked = append(e.asked, r.PostForm)
		n := len(e.asked)
		e.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		e.answer(w, n)
	}))
	t.Cleanup(e.Close)
	return e
}

func minting(life int) func(http.ResponseWriter, int) {
	return func(w http.ResponseWriter, n int) {
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, n, life)
	}
}

func (e *tokenEndpoint) account(change ...func(*mail.OAuth)) func(*mail.SMTPConfig) {
	return func(c *mail.SMTPConfig) {
		c.Account.User, c.Account.Auth = someone, mail.XOAuth2
		c.Account.OAuth = &mail.OAuth{TokenURL: e.URL, ClientID: "app", ClientSecret: "hush", Scope: "smtp"}
		for _, f := range change {
			f(c.Account.OAuth)
		}
	}
}

// bearer is what XOAUTH2 sends for a token.
func bearer(token string) string {
	return "AUTH XOAUTH2 " + base64.StdEncoding.EncodeToString([]byte("user="+someone+"\x01auth=Bearer "+token+"\x01\x01"))
}

func TestXOAUTH2AsksForATokenByEitherGrant(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*mail.OAuth)
		want   url.Values
	}{
		{"client credentials", func(*mail.OAuth) {}, url.Values{
			"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"hush"}, "scope": {"smtp"},
		}},
		{"refresh token", func(o *mail.OAuth) { o.RefreshToken, o.Scope = "fresh", "" }, url.Values{
			"grant_type": {"refresh_token"}, "client_id": {"app"}, "client_secret": {"hush"}, "refresh_token": {"fresh"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tokens := startTokens(t, minting(3600))
			s := startServer(t, usual, offering("AUTH LOGIN XOAUTH2"))
			if err := dialTo(t, s, tokens.account(c.change)).Send(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
			if !s.said(bearer("token-1")) {
				t.Errorf("commands %q", s.heard())
			}
			if diff := cmp.Diff([]url.Values{c.want}, tokens.asked); diff != "" {
				t.Errorf("token requests:\n%s", diff)
			}
		})
	}
}

func TestATokenServesEveryConnectionUntilItExpires(t *testing.T) {
	for _, c := range []struct {
		name string
		life int
		want int // tokens for three connections
	}{{"an hour", 3600, 1}, {"over at once", 1, 3}} {
		t.Run(c.name, func(t *testing.T) {
			tokens := startTokens(t, minting(c.life))
			s := startServer(t, on("MAIL", "421 closing"), offering("AUTH XOAUTH2")) // each mail opens a connection
			transport := dialTo(t, s, tokens.account())
			for range 3 {
				_ = transport.Send(t.Context(), message())
			}
			if len(tokens.asked) != c.want {
				t.Errorf("%d tokens, want %d", len(tokens.asked), c.want)
			}
		})
	}
}

func TestATokenThatIsRefusedIsNotUsedAgain(t *testing.T) {
	tokens := startTokens(t, minting(3600))
	s := startServer(t, func(connection int, verb string) string {
		if verb == "AUTH" && connection == 1 {
			return "334 eyJzdGF0dXMiOiI0MDAifQ=="
		}
		return ""
	}, offering("AUTH XOAUTH2"))
	transport := dialTo(t, s, tokens.account())
	if err := transport.Send(t.Context(), message()); !errors.Is(err, mail.ErrLogin) {
		t.Fatal(err)
	}
	if err := transport.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	if !s.said(bearer("token-2")) {
		t.Errorf("commands %q", s.heard())
	}
}

func TestTokenEndpointsThatGiveNone(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter, int)
		login  bool // it is about our credentials
	}{
		{"revoked", func(w http.ResponseWriter, _ int) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_grant","error_description":"revoked: hush"}`)
		}, true},
		{"unwell", func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusBadGateway) }, false},
		{"too many requests", func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusTooManyRequests) }, false},
		{"elsewhere", func(w http.ResponseWriter, _ int) {
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tokens := startTokens(t, c.answer)
			s := startServer(t, usual, offering("AUTH XOAUTH2"))
			err := dialTo(t, s, tokens.account()).Send(t.Context(), message())
			if !errors.Is(err, mail.ErrTemporary) || errors.Is(err, mail.ErrLogin) != c.login {
				t.Errorf("got %v, about the login: %t", err, c.login)
			}
			if strings.Contains(err.Error(), "hush") || s.said("AUTH") || len(tokens.asked) != 1 {
				t.Errorf("%v; commands %q; %d requests", err, s.heard(), len(tokens.asked))
			}
		})
	}
}
