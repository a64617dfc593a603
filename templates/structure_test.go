package templates_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// form is what a script relies on: where a form goes, what a person fills in
// and which buttons there are.
type form struct {
	Method, Action string
	Fields         []string // name and type of those that are seen
	Buttons        []string // text, and name=value if it has one
}

func formsOf(root *html.Node) []form {
	var forms []form
	for _, f := range all(root, "form") {
		got := form{Method: attr(f, "method"), Action: attr(f, "action")}
		for _, input := range all(f, "input") {
			if attr(input, "type") != "hidden" {
				got.Fields = append(got.Fields, attr(input, "name")+" "+attr(input, "type"))
			}
		}
		for _, button := range all(f, "button") {
			label := text(button)
			if name := attr(button, "name"); name != "" {
				label += " " + name + "=" + attr(button, "value")
			}
			if action := attr(button, "formaction"); action != "" {
				label += " to " + action
			}
			got.Buttons = append(got.Buttons, label)
		}
		forms = append(forms, got)
	}
	return forms
}

func waitingForms() []form {
	return []form{
		{Method: "get", Action: "/t/demo/auth/waiting", Buttons: []string{"Check again"}},
		{Method: "post", Action: "/t/demo/auth/code", Fields: []string{"code text"}, Buttons: []string{"Sign in"}},
		{Method: "post", Action: "/t/demo/auth/resend", Buttons: []string{"Send another mail"}},
	}
}

func TestFormsAreThoseThatScriptsRelyOn(t *testing.T) {
	login := []form{{
		Method: "post", Action: "/t/demo/auth/login",
		Fields: []string{"email email"}, Buttons: []string{"Continue", "Cancel action=cancel to /t/demo/auth/cancel"},
	}}
	consent := []form{{Method: "post", Action: "/t/demo/auth/consent", Buttons: []string{"Allow action=agree", "Cancel to /t/demo/auth/consent/cancel"}}}
	logout := []form{{Method: "post", Action: "/t/demo/end_session", Buttons: []string{"Sign out action=agree", "Cancel to /t/demo/end_session/cancel"}}}
	newAddress := form{Method: "post", Action: "/t/demo/auth/account", Fields: []string{"email email"}, Buttons: []string{"Continue"}}
	everywhere := form{Method: "post", Action: "/t/demo/auth/account/everywhere", Buttons: []string{"Sign out everywhere"}}
	full := []form{newAddress, {
		Method: "post", Action: "/t/demo/auth/account/signout",
		Buttons: []string{"Sign out session=0199a3c2-1", "Sign out session=0199a3c2-2"},
	}, everywhere, {
		Method: "post", Action: "/t/demo/auth/account/access",
		Buttons: []string{"Remove access client=notes", "Remove access client=https://mail.example/client.json"},
	}}
	device := []form{{Method: "post", Action: "/t/demo/auth/device", Fields: []string{"code text"}, Buttons: []string{"Continue"}}}
	want := map[string][]form{
		"account":              {newAddress, everywhere},
		"account_problem":      {newAddress, everywhere},
		"account_changed":      {everywhere},
		"account_full":         full,
		"account_gone":         full,
		"account_removed":      full,
		"account_no_access":    full,
		"verify_here_change":   {{Method: "post", Action: "/t/demo/auth/verify", Buttons: []string{"Use this address"}}},
		"login":                login,
		"login_about":          login,
		"login_create":         login,
		"login_select":         login,
		"login_problem":        login,
		"login_work":           login,
		"login_work_asked":     login,
		"login_work_problem":   login,
		"waiting":              waitingForms(),
		"waiting_problem":      waitingForms(),
		"waiting_sent":         waitingForms(),
		"waiting_delayed":      waitingForms(),
		"waiting_refused":      waitingForms(),
		"waiting_failed":       waitingForms(),
		"verify_here":          {{Method: "post", Action: "/t/demo/auth/verify", Buttons: []string{"Continue"}}},
		"completed":            {{Method: "post", Action: "/t/demo/auth/finish", Buttons: []string{"Continue here"}}},
		"consent":              consent,
		"consent_about":        consent,
		"consent_host":         consent,
		"device_code":          device,
		"device_code_filled":   device,
		"device_code_problem":  device,
		"device_confirm":       {{Method: "post", Action: "/t/demo/auth/consent", Buttons: []string{"Sign the device in action=agree", "Cancel to /t/demo/auth/consent/cancel"}}},
		"logout_confirm":       logout,
		"logout_confirm_plain": logout,
	}
	set := newSet(t)
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			if diff := cmp.Diff(want[s.name], formsOf(page(t, set, "en", s.body))); diff != "" {
				t.Errorf("forms (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPostedFormsCarryTheirState(t *testing.T) {
	set := newSet(t)
	for _, s := range samples() {
		for _, f := range all(page(t, set, "en", s.body), "form") {
			got := map[string]string{}
			for _, input := range all(f, "input") {
				if attr(input, "type") == "hidden" {
					got[attr(input, "name")] = attr(input, "value")
				}
			}
			want := map[string]string{"flow": "0199a3c2", "token": "form-token"}
			if attr(f, "method") == "get" { // Check again: the query of its own URL
				want = map[string]string{"flow": "0199a3c2"}
			}
			if strings.HasPrefix(s.name, "login_work") {
				want["altcha"] = "dGFzaw=="
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, form to %s (-want +got):\n%s", s.name, attr(f, "action"), diff)
			}
		}
	}
}

func TestCancelComesAfterTheButtonThatEnterPresses(t *testing.T) {
	set := newSet(t)
	for _, name := range []string{"login", "consent", "device_confirm", "logout_confirm"} {
		buttons := all(page(t, set, "en", bodyOf(t, name)), "button")
		last := buttons[len(buttons)-1]
		if len(buttons) != 2 || attr(last, "value") != "cancel" {
			t.Errorf("%s: Cancel is not the second of two buttons", name)
		}
		if name == "login" && !has(last, "formnovalidate") {
			t.Error("login: an empty address keeps a person from cancelling")
		}
	}
}

func TestFieldsHelpThePersonWhoFillsThemIn(t *testing.T) {
	set := newSet(t)
	email := byID(page(t, set, "en", bodyOf(t, "login_problem")), "email")
	for name, want := range map[string]string{
		"autocomplete": "email", "inputmode": "email", "value": "anna@", "aria-invalid": "true", "aria-describedby": "email-problem",
	} {
		if got := attr(email, name); got != want {
			t.Errorf("email: %s is %q, want %q", name, got, want)
		}
	}
	if !has(email, "autofocus") {
		t.Error("email: no autofocus")
	}
	code := byID(page(t, set, "en", bodyOf(t, "waiting")), "code")
	if attr(code, "autocomplete") != "one-time-code" || has(code, "maxlength") || has(code, "pattern") {
		t.Error("code: must offer a one-time code and take a whole pasted link")
	}
}

func TestThePageOfAnotherBrowserCannotSignIn(t *testing.T) {
	set := newSet(t)
	for _, locale := range set.Locales() {
		for _, name := range []string{"verify_elsewhere", "verify_elsewhere_no_code"} {
			root := page(t, set, locale, bodyOf(t, name))
			if n := len(all(root, "form")) + len(all(root, "a")); n != 0 {
				t.Errorf("%s %s: %d forms and links, want none", name, locale, n)
			}
			for _, button := range all(root, "button") {
				if attr(button, "type") != "button" || !has(button, "hidden") {
					t.Errorf("%s %s: button %q works without the script", name, locale, text(button))
				}
			}
		}
		outputs := all(page(t, set, locale, bodyOf(t, "verify_elsewhere")), "output")
		if len(outputs) != 1 || attr(outputs[0], "id") != "relay-code" || outputs[0].FirstChild.Data != "7KQM-W3XD" {
			t.Errorf("%s: relay code is not one text in output#relay-code", locale)
		}
	}
	if got := all(page(t, set, "en", bodyOf(t, "verify_elsewhere_no_code")), "output"); len(got) != 0 {
		t.Error("a page without a code has a place for one")
	}
}

func TestEndingsOfferANewStart(t *testing.T) {
	set := newSet(t)
	for _, s := range samples() {
		if !strings.HasPrefix(s.name, "over_") || s.name == "over_no_client" {
			continue
		}
		links := all(page(t, set, "en", s.body), "a")
		if len(links) != 1 || attr(links[0], "href") != "https://app.example/login" || text(links[0]) != "Go to Acme Notes" {
			t.Errorf("%s: no link to the client's start", s.name)
		}
	}
}

// A scripted person presses what approves and never what refuses or asks again.
func TestApprovingButtonsDoNotSoundLikeRefusals(t *testing.T) {
	refusing := []string{"deny", "cancel", "decline", "reject", "no", "not me", "back", "resend", "another"}
	other := []string{"Cancel", "Send another mail", "Check again", "Copy code"}
	set := newSet(t)
	for _, s := range samples() {
		for _, button := range all(page(t, set, "en", s.body), "button") {
			label := text(button)
			if slices.Contains(other, label) {
				continue
			}
			for _, word := range refusing {
				if strings.Contains(strings.ToLower(label), word) {
					t.Errorf("%s: button %q contains %q", s.name, label, word)
				}
			}
		}
	}
}
