package login

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"postern/idp"
)

const (
	purposeKnown = "known-browser"
	// knownLife is how long a browser is remembered after its last login.
	knownLife = 365 * 24 * time.Hour
	// mostKnown is how many mailboxes one browser is remembered for.
	mostKnown = 5
)

// knownBrowser is the sealed sign that a browser has signed in here. Its own
// limit, beside the mailbox's, keeps others from locking the person out by
// asking in their name. Mailboxes are keyed hashes.
type knownBrowser struct {
	ID        string   `json:"i"`
	Mailboxes []string `json:"m"`
}

// known names the browser for the limits if it has signed in with this mailbox
// before; it is empty otherwise.
func (s *Sessions) known(r *http.Request, a idp.Address) string {
	t := idp.TenantOf(r.Context()).ID
	tag := s.mailboxTag(t, a)
	if k := s.readKnown(r); slices.Contains(k.Mailboxes, tag) {
		return k.ID + ":" + tag
	}
	return ""
}

// remember notes that the browser has signed in with an address, newest first.
func (s *Sessions) remember(w http.ResponseWriter, r *http.Request, a idp.Address) {
	p := s.place(r)
	k := s.readKnown(r)
	if k.ID == "" {
		k.ID = idp.NewID(s.clock())
	}
	tag := s.mailboxTag(p.tenant.ID, a)
	others := slices.DeleteFunc(k.Mailboxes, func(m string) bool { return m == tag })
	k.Mailboxes = append([]string{tag}, others...)
	k.Mailboxes = k.Mailboxes[:min(len(k.Mailboxes), mostKnown)]
	text, err := json.Marshal(k)
	if err != nil {
		panic("login: strings always encode: " + err.Error())
	}
	http.SetCookie(w, p.cookie(cookieKnown, s.sealer.Seal(p.tenant.ID, purposeKnown, text), knownLife))
}

// readKnown takes what it cannot read for a browser that is new here.
func (s *Sessions) readKnown(r *http.Request) knownBrowser {
	p := s.place(r)
	for _, cookie := range r.CookiesNamed(p.cookieName(cookieKnown)) {
		var k knownBrowser
		text, err := s.sealer.Open(p.tenant.ID, purposeKnown, cookie.Value)
		if err == nil && json.Unmarshal(text, &k) == nil {
			return k
		}
	}
	return knownBrowser{}
}

func (s *Sessions) mailboxTag(t idp.TenantID, a idp.Address) string {
	mac := s.sealer.MAC(t, "known-mailbox", []byte(a.Mailbox()))
	return base64.RawURLEncoding.EncodeToString(mac[:16])
}
