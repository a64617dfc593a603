package templates_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"postern/idp"
	"postern/templates"
)

var asked = time.Date(2026, 11, 22, 14, 30, 0, 0, time.UTC)

var carried = []templates.Hidden{{Name: "flow", Value: "0199a3c2"}, {Name: "token", Value: "form-token"}}

type sample struct {
	name string
	body templates.Body
}

// samples has each page in each of its states.
func samples() []sample {
	waiting := templates.Waiting{
		Client: "Acme Notes", Address: "anna@example.com", Hidden: carried,
		SelfURL: "/t/demo/auth/waiting?flow=0199a3c2", PollURL: "/t/demo/auth/waiting/state?flow=0199a3c2",
		NextMail: asked.Add(time.Minute),
	}
	wrong := waiting
	wrong.Problem, wrong.Left, wrong.CanSend = "waiting.problem.code", 1, true
	wrong.StartURL = "/t/demo/auth/login?request=sealed"
	sent := waiting
	sent.Sent = true
	delayed := wrong
	delayed.Problem, delayed.Delivery, delayed.Asked, delayed.Until = "", idp.DeliveryDelayed, asked, asked.Add(4*time.Minute)
	refused, failed := delayed, delayed
	refused.Delivery, failed.Delivery = idp.DeliveryRefused, idp.DeliveryFailed
	failed.Sent = true // that one is, too
	all := []sample{
		{"login", templates.Login{Client: "Acme Notes", Hidden: carried}},
		{"login_about", templates.Login{Client: "Acme Notes", Hidden: carried, About: about}},
		{"login_create", templates.Login{Client: "Acme Notes", Asks: templates.AskCreate, Hidden: carried}},
		{"login_select", templates.Login{Client: "Acme Notes", Asks: templates.AskSelect, Hidden: carried, About: templates.About{Host: "notes.acme.example"}}},
		{"login_problem", templates.Login{Client: "Acme Notes", Hidden: carried, Email: "anna@", Problem: "login.problem.address"}},
		{"login_work", templates.Login{Client: "Acme Notes", Hidden: carried, Work: templates.Work{Task: "dGFzaw==", Wait: 20 * time.Second}}},
		{"login_work_asked", templates.Login{Client: "Acme Notes", Hidden: carried, Email: "anna@example.com", Work: templates.Work{Task: "dGFzaw==", Wait: 7 * time.Second, Press: true}}},
		{"login_work_problem", templates.Login{Client: "Acme Notes", Hidden: carried, Email: "anna@example.com", Problem: "login.problem.work", Work: templates.Work{Task: "dGFzaw==", Wait: 20 * time.Second}}},
		{"waiting", waiting},
		{"waiting_problem", wrong},
		{"waiting_sent", sent},
		{"waiting_delayed", delayed},
		{"waiting_refused", refused},
		{"waiting_failed", failed},
		{"verify_here", templates.VerifyHere{Client: "Acme Notes", Address: "anna@example.com", Hidden: carried}},
		{"verify_elsewhere", templates.VerifyElsewhere{Client: "Acme Notes", Code: "7KQM-W3XD", Asked: asked, Browser: "Firefox on Linux", Network: "192.0.2.x"}},
		{"verify_elsewhere_no_code", templates.VerifyElsewhere{Client: "Acme Notes", Asked: asked}},
		{"verify_here_change", templates.VerifyHere{Client: "Acme", Address: "anna@new.example", Hidden: carried, Change: true}},
		{"verify_elsewhere_change", templates.VerifyElsewhere{Client: "Acme", Code: "7KQM-W3XD", Asked: asked, Browser: "Firefox on Linux", Network: "192.0.2.x", Change: true}},
		{"account", accountOf(templates.Account{Address: "anna@example.com"})},
		{"account_problem", accountOf(templates.Account{Address: "anna@example.com", Email: "anna@", Problem: "login.problem.address"})},
		{"account_changed", accountOf(templates.Account{Address: "anna@new.example", Notice: templates.NoticeChanged})},
		{"account_full", fullAccount(templates.NoticeSignedOut)},
		{"account_gone", fullAccount(templates.NoticeNotSignedIn)},
		{"account_removed", fullAccount(templates.NoticeAccessEnded)},
		{"account_no_access", fullAccount(templates.NoticeHadNoAccess)},
		{"completed", templates.Completed{Client: "Acme Notes", Hidden: carried}},
		{"done", templates.Done{Client: "Acme Notes", ReturnURL: "https://app.example/"}},
		{"done_no_way_back", templates.Done{Client: "Acme Notes"}},
		{"consent", templates.Consent{Client: "Acme Notes", Address: "anna@example.com", Scopes: []string{"openid", "email", "calendar:read"}, Hidden: carried}},
		{"consent_about", templates.Consent{Client: "Acme Notes", Address: "anna@example.com", Scopes: []string{"openid"}, Hidden: carried, About: about}},
		{"consent_host", templates.Consent{Client: "Acme Notes", Address: "anna@example.com", Scopes: []string{"openid"}, Hidden: carried, About: templates.About{Host: "notes.acme.example"}}},
		{"device_code", templates.DeviceCode{Hidden: carried}},
		{"device_code_filled", templates.DeviceCode{Code: "7KQM-W3XD", Hidden: carried}},
		{"device_code_problem", templates.DeviceCode{Code: "7KQM-W3XD", Problem: "device.problem.code", Hidden: carried}},
		{"device_confirm", templates.DeviceConfirm{Client: "Acme Notes", Address: "anna@example.com", Scopes: []string{"openid", "email"}, Hidden: carried, About: about, Asked: asked, Network: "192.0.2.x"}},
		{"device_done", templates.DeviceDone{Allowed: true}},
		{"device_denied", templates.DeviceDone{}},
		{"logout_confirm", templates.LogoutConfirm{Client: "Acme Notes", Address: "anna@example.com", Action: "/t/demo/end_session", Cancel: "/t/demo/end_session/cancel", Hidden: carried}},
		{"logout_confirm_plain", templates.LogoutConfirm{Action: "/t/demo/end_session", Cancel: "/t/demo/end_session/cancel", Hidden: carried}},
		{"signed_out", templates.SignedOut{Client: "Acme Notes", ReturnURL: "https://app.example/"}},
		{"signed_out_plain", templates.SignedOut{}},
		{"signed_out_frames", templates.SignedOut{
			Client: "Acme Notes", ReturnURL: "https://app.example/bye?state=a&b", Onward: true,
			Frames: []string{"https://app.example/out?iss=x&sid=1", "https://other.example:8443/out"},
		}},
		{"fault", templates.Fault{Key: "bad_request", Detail: "code_challenge is missing", Request: "0199a3c2f7b8"}},
		{"fault_retry", templates.Fault{Key: "too_many", RetryIn: 90 * time.Second}},
		{"fault_still_signed_in", templates.Fault{Key: "signed_in"}},
	}
	for _, what := range []templates.Ending{templates.EndedUsed, templates.EndedExpired, templates.EndedLocked, templates.EndedUnknown, templates.EndedReplaced} {
		all = append(all, sample{"over_" + string(what), templates.Over{Client: "Acme Notes", What: what, StartURL: "https://app.example/login"}})
	}
	return append(all, sample{"over_no_client", templates.Over{What: templates.EndedUnknown}})
}

func bodyOf(t *testing.T, name string) templates.Body {
	t.Helper()
	for _, s := range samples() {
		if s.name == name {
			return s.body
		}
	}
	t.Fatalf("no sample %q", name)
	return nil
}

func newSet(t *testing.T) *templates.Set {
	t.Helper()
	set, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func frame(locale string) templates.Frame {
	return templates.Frame{Locale: locale, Tenant: "Acme", Base: "/t/demo"}
}

// show renders a page and fails if it came out as the page of a fault.
func show(t *testing.T, set *templates.Set, f templates.Frame, b templates.Body) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	set.Write(w, 200, f, b)
	if w.Code != 200 {
		t.Fatalf("%T: status %d: %s", b, w.Code, w.Body)
	}
	return w
}

func page(t *testing.T, set *templates.Set, locale string, b templates.Body) *html.Node {
	t.Helper()
	return parsed(t, show(t, set, frame(locale), b).Body.String())
}

func parsed(t *testing.T, text string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// all finds the elements of a kind below a node, in the document's order.
func all(root *html.Node, kind string) []*html.Node {
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == kind {
			found = append(found, n)
		}
	}
	return found
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func byID(root *html.Node, id string) *html.Node {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && attr(n, "id") == id {
			return n
		}
	}
	return nil
}

var about = templates.About{Logo: "/t/demo/auth/logo/acme", PolicyURL: "https://acme.example/privacy", TermsURL: "https://acme.example/terms"}

// accountOf is the account page of somebody who is signed in here alone.
func accountOf(a templates.Account) templates.Account {
	a.SignedIn, a.Hidden, a.SignOut, a.All, a.Remove = asked, carried, carried, carried, carried
	return a
}

// fullAccount is that of somebody with other browsers and apps.
func fullAccount(notice templates.Notice) templates.Account {
	a := accountOf(templates.Account{Address: "anna@example.com", Notice: notice, More: true})
	a.Others = []templates.Browser{
		{Session: "0199a3c2-1", Since: asked.Add(-time.Hour)}, {Session: "0199a3c2-2", Since: asked.Add(-50 * time.Hour)},
	}
	a.Apps = []templates.App{
		{ID: "notes", Name: "Acme Notes", Since: asked},
		{ID: "https://mail.example/client.json", Name: "Mail", Host: "mail.example", Since: asked.Add(-200 * time.Hour), Offline: true},
	}
	return a
}
