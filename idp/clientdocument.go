package idp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

// DocumentClientLife is how long a client that nobody registered is kept after
// somebody last began to sign in to it or agreed to it: longer than any session
// that it is told the end of.
const DocumentClientLife = 30 * 24 * time.Hour

// maxDocumentURL bounds a client id that is a URL.
const maxDocumentURL = 512

// Document tells whether the id is the URL of a document with the client's
// metadata, and gives its host (OAuth Client ID Metadata Document §3): https, a
// path without dot segments, no user, no fragment, written in one way only.
func (id ClientID) Document() (host string, ok bool) {
	text := string(id)
	if !strings.HasPrefix(text, "https://") || len(text) > maxDocumentURL ||
		strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"\<>^{}|#`+"`", r) }) {
		return "", false
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Hostname() == "" || u.Path == "" || u.String() != text {
		return "", false
	}
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		if plain := strings.ReplaceAll(strings.ToLower(segment), "%2e", "."); plain == "." || plain == ".." {
			return "", false
		}
	}
	return u.Host, true
}

// secretMembers are of a secret that a document for everyone cannot hold.
var secretMembers = []string{"client_secret", "client_secret_expires_at"}

// ParseDocument reads the metadata document of a client whose id is its URL. It
// is somebody else's client, proves itself by its key or not at all, and has a
// name that speaks for nobody else. It does not validate the rest.
func ParseDocument(id ClientID, raw []byte) (ClientMetadata, error) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil || given == nil {
		return ClientMetadata{}, errors.New("it is no JSON object")
	}
	var named ClientID
	if err := json.Unmarshal(given["client_id"], &named); err != nil || named != id {
		return ClientMetadata{}, errors.New("its client_id must be its own URL")
	}
	for _, member := range secretMembers {
		if _, ok := given[member]; ok {
			return ClientMetadata{}, fmt.Errorf("it must not hold %s", member)
		}
	}
	if _, ok := given[methodMember]; !ok {
		given[methodMember] = json.RawMessage(`"` + AuthNone + `"`) // a secret, the default of others, it cannot have
	}
	encoded, err := json.Marshal(given)
	if err != nil {
		return ClientMetadata{}, fmt.Errorf("client metadata: %w", err)
	}
	m, err := ParseRegistration(encoded)
	if err != nil {
		return m, err
	}
	if !slices.Equal(m.AuthMethods, []AuthMethod{AuthNone}) && !slices.Equal(m.AuthMethods, []AuthMethod{AuthPrivateKey}) {
		return m, errors.New("token_endpoint_auth_method must be none or private_key_jwt")
	}
	host, _ := id.Document()
	m.Name, m.ThirdParty = documentName(m.Name, host), true
	return m, nil
}

// documentName makes of a name that a stranger gives one that may be shown; what
// cannot be mended is named by its host.
func documentName(name, host string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar || unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, name)
	name = strings.Join(strings.Fields(name), " ")
	if short := []rune(name); len(short) > maxName {
		name = strings.TrimSpace(string(short[:maxName]))
	}
	if ValidName(name) == nil {
		return name
	}
	host, _, _ = strings.Cut(host, ":")
	name = "App of " + strings.NewReplacer(".", " ", "[", "", "]", "").Replace(host)
	return strings.TrimSpace(name[:min(len(name), maxName)])
}
