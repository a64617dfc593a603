package login

import (
	"crypto/subtle"
	"encoding/base32"
	"net/url"
	"strings"
	"unicode"

	"postern/idp"
)

// crockford leaves out letters that read like others: I, L, O and U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var relayEncoding = base32.NewEncoding(crockford).WithPadding(base32.NoPadding)

// relayBytes are 40 bits: eight characters, of which a flow takes five guesses.
const (
	relayBytes  = 5
	relayLength = 8
)

// relayCode is what a link says in a browser that did not ask for it, to be
// typed in the one that did. Its key is not in the database, so whoever holds
// only the database cannot make one.
func (h *Handler) relayCode(link idp.Link) string {
	var digest []byte
	link.Verifier.MAC(func(b []byte) { digest = b })
	mac := h.Sealer.MAC(link.TenantID, "relay-code", []byte(link.FlowID), []byte(link.ID), digest)
	return relayEncoding.EncodeToString(mac[:relayBytes])
}

// showRelay writes a code as people read it: ABCD-EFGH.
func showRelay(code string) string { return code[:relayLength/2] + "-" + code[relayLength/2:] }

// answer is what a person brought over from the mail: a relay code or a link.
type answer struct {
	code string
	link *idp.Credential
}

// parseAnswer reads a relay code or a pasted link. What is neither was a slip
// of the hand and costs no attempt: it could not have been a guess.
func parseAnswer(text string) (answer, bool) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	if credential, ok := parsePastedLink(text); ok {
		return answer{link: &credential}, true
	}
	code, ok := parseRelay(text)
	return answer{code: code}, ok
}

// parsePastedLink takes a whole URL with a token in it, or the bare token.
func parsePastedLink(text string) (idp.Credential, bool) {
	if u, err := url.Parse(text); err == nil && u.Query().Has("token") {
		text = u.Query().Get("token")
	}
	credential, err := idp.ParseCredential(text)
	return credential, err == nil
}

// parseRelay takes any case, with or without the hyphen, and the letters that
// people read for digits.
func parseRelay(text string) (string, bool) {
	code := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Pd, r):
			return -1
		case r == 'o' || r == 'O':
			return '0'
		case r == 'i' || r == 'I' || r == 'l' || r == 'L':
			return '1'
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		default:
			return r
		}
	}, text)
	return code, len(code) == relayLength && strings.Trim(code, crockford) == ""
}

// match finds the link that the answer belongs to. Every link is compared, in
// constant time, whichever it is.
func (h *Handler) match(a answer, links []idp.Link) (idp.Link, bool) {
	var found idp.Link
	ok := false
	for _, link := range links {
		if h.matches(a, link) {
			found, ok = link, true
		}
	}
	return found, ok
}

func (h *Handler) matches(a answer, link idp.Link) bool {
	if a.link != nil {
		return link.Verifier.Equal(a.link.Secret.Digest()) && link.ID == a.link.ID
	}
	return subtle.ConstantTimeCompare([]byte(h.relayCode(link)), []byte(a.code)) == 1
}
