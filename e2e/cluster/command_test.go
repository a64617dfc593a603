package cluster_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/e2e/cluster"
)

func TestWhatACommandChangesCountsOnEveryProcessWithinASecond(t *testing.T) {
	t.Run("three on PostgreSQL", func(t *testing.T) { changeBesides(threeOnPostgres(t)) })
	t.Run("one on SQLite", func(t *testing.T) { changeBesides(oneOnSQLite(t)) })
}

func changeBesides(w *world) {
	w.t.Helper()
	l, code := w.signIn(w.app)
	first, err := w.redeem(w.t.Context(), 0, code, l.request.verifier)
	if err != nil || first.status != http.StatusOK {
		w.t.Fatalf("%+v %v", first, err)
	}
	refresh, former := first.Refresh, kid(first.ID)
	late := w.app
	late.ID = "late-app"
	withoutPKCE := w.Issuer + "/authorize?" + url.Values{
		"client_id": {w.ID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
	}.Encode()
	for _, change := range []struct {
		command string
		seen    func(replica int) bool
	}{
		{
			"client create --tenant demo --name Late --id late-app --json --redirect-uri " + callback,
			func(replica int) bool { return w.asked(replica, late.request().url).StatusCode == http.StatusSeeOther },
		},
		{
			"tenant set demo pkce=required",
			func(replica int) bool {
				return strings.HasPrefix(w.asked(replica, withoutPKCE).Header.Get("Location"), callback)
			},
		},
		{
			"key rotate --tenant demo --now",
			func(replica int) bool {
				got, err := w.refresh(w.t.Context(), replica, refresh)
				if err != nil || got.status != http.StatusOK {
					w.t.Fatalf("refresh: %d %s %v", got.status, got.Error, err)
				}
				refresh = got.Refresh
				return kid(got.ID) != former && w.publishes(replica, kid(got.ID))
			},
		},
	} {
		for replica := range w.Processes { // which remembers how it was
			if change.seen(replica) {
				w.t.Errorf("before %q it was so already on process %d", change.command, replica)
			}
		}
		if _, err := w.Run(w.t.Context(), strings.Fields(change.command)...); err != nil {
			w.t.Fatal(err)
		}
		done := time.Now()
		for replica := range w.Processes {
			within(w.t, 5*time.Second, change.command, func() bool { return change.seen(replica) })
			if took := time.Since(done); took > time.Second {
				w.t.Errorf("%q counted on process %d after %s", change.command, replica, took)
			}
		}
	}
	w.inviteBesides()
	w.deleteBesides()
	w.noFaults()
}

// inviteBesides closes sign-up, then invites somebody.
func (w *world) inviteBesides() {
	w.t.Helper()
	if _, err := w.Run(w.t.Context(), "tenant", "set", "demo", "sign_up=invited"); err != nil {
		w.t.Fatal(err)
	}
	rest(w.t.Context(), time.Second)
	stranger, err := w.begin(w.app)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Run(w.t.Context(), "user", "invite", "--tenant", "demo", "guest@example.com"); err != nil {
		w.t.Fatal(err)
	}
	for replica := range w.Processes {
		guest, err := w.begin(w.app)
		if err != nil {
			w.t.Fatal(err)
		}
		page, err := guest.get(w.request().url)
		if err != nil {
			w.t.Fatal(err)
		}
		form := mustForm(w.t, page, "/auth/login")
		if _, err := answered(guest.to(replica).TrySubmit(page, form, submitter(form), url.Values{"email": {"guest@example.com"}})); err != nil {
			w.t.Fatal(err)
		}
		within(w.t, 2*time.Second, "mail to a guest", func() bool { return len(w.Sink.Mails("guest@example.com")) > replica })
	}
	if n := len(w.Sink.Mails(stranger.address)); n > 0 {
		w.t.Errorf("%d mails to a stranger where people are invited only", n)
	}
}

// deleteBesides deletes the tenant: it is unknown to every process by the time
// that the command has ended, and another of its name knows nothing of it.
func (w *world) deleteBesides() {
	w.t.Helper()
	const metadata = "/.well-known/openid-configuration"
	other := strings.TrimSuffix(w.Issuer, "demo") + "other"
	for _, command := range []string{"tenant create other --name Other", "tenant delete demo --confirm demo"} {
		if _, err := w.Run(w.t.Context(), strings.Fields(command)...); err != nil {
			w.t.Fatal(err)
		}
	}
	for replica := range w.Processes {
		for _, address := range []string{w.Issuer + metadata, w.Issuer + "/jwks", w.request().url} {
			if got := w.asked(replica, address).StatusCode; got != http.StatusNotFound {
				w.t.Errorf("%s of a tenant that is deleted: %d", address, got)
			}
		}
		if got := w.asked(replica, other+metadata).StatusCode; got != http.StatusOK {
			w.t.Errorf("another tenant: %d", got)
		}
	}
	if _, err := w.Run(w.t.Context(), "tenant", "create", "demo", "--name", "Demo"); err != nil {
		w.t.Fatal(err)
	}
	for _, list := range []string{"client list --tenant demo", "user list --tenant demo", "key list --tenant demo"} {
		out, err := w.Run(w.t.Context(), append(strings.Fields(list), "--json")...)
		if err != nil || strings.TrimSpace(string(out)) != "[]" {
			w.t.Errorf("%s: %s, %v", list, out, err)
		}
	}
}

// asked sends a GET of nobody to one process.
func (w *world) asked(replica int, address string) *http.Response {
	w.t.Helper()
	answer, _, err := ask(w.t.Context(), http.MethodGet, address, nil, cluster.Replica, strconv.Itoa(replica))
	if err != nil {
		w.t.Fatal(err)
	}
	return answer
}

// publishes tells whether a process's JWKS has a key.
func (w *world) publishes(replica int, kid string) bool {
	w.t.Helper()
	_, body, err := ask(w.t.Context(), http.MethodGet, w.Issuer+"/jwks", nil, cluster.Replica, strconv.Itoa(replica))
	if err != nil {
		w.t.Fatal(err)
	}
	return kid != "" && strings.Contains(string(body), `"`+kid+`"`)
}

// kid names the key that signed a token.
func kid(token string) string {
	header, _, _ := strings.Cut(token, ".")
	plain, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return ""
	}
	var h struct {
		KID string `json:"kid"`
	}
	if json.Unmarshal(plain, &h) != nil {
		return ""
	}
	return h.KID
}
