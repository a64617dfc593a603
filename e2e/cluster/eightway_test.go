package cluster_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/e2e/cluster"
	"postern/storage/postgres/pgtest"
)

// ways is how many present the same thing at the same moment.
const ways = 8

// Whatever counts once counts once, however many present it to two processes at
// the same moment; on SQLite they share a file.
func TestOfEightAtOnceOverTwoProcessesOneWins(t *testing.T) {
	for name, database := range map[string]func(t *testing.T) string{
		"PostgreSQL": func(t *testing.T) string { t.Helper(); return pgtest.Schema(t, pgtest.URL(t)) },
		"SQLite":     func(t *testing.T) string { t.Helper(); return "sqlite:" + filepath.Join(t.TempDir(), "postern.db") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2, database(t))
			signer := w.newSigner()
			for round := range size(4, 100) {
				w.raceCode(round)
				w.raceRefresh(round)
				w.raceStoredRequest(round)
				w.raceAssertion(round, signer)
				w.raceInitialToken(round)
			}
			w.noFaults()
		})
	}
}

// oneOf counts the winners of a race.
func (w *world) oneOf(what string, won func(racer int) (bool, error)) {
	w.t.Helper()
	wins := make([]bool, ways)
	race(w.t, ways, func(i int) (err error) { wins[i], err = won(i); return err })
	winners := 0
	for _, won := range wins {
		if won {
			winners++
		}
	}
	if winners != 1 {
		w.t.Errorf("%s: %d winners of %d", what, winners, ways)
	}
}

func (w *world) raceCode(round int) {
	w.t.Helper()
	l, code := w.signIn(w.app)
	w.oneOf(fmt.Sprintf("round %d, authorization code", round), func(i int) (bool, error) {
		got, err := w.redeem(w.t.Context(), i%len(w.Processes), code, l.request.verifier)
		return w.winsOr(got, "invalid_grant"), err
	})
}

// raceRefresh holds that all who send one refresh token get the same next one,
// and that of eight who then send one from before that, none gets any.
func (w *world) raceRefresh(round int) {
	w.t.Helper()
	l, code := w.signIn(w.app)
	first, err := w.redeem(w.t.Context(), round%2, code, l.request.verifier)
	if err != nil || first.Refresh == "" {
		w.t.Fatalf("round %d: %+v %v", round, first, err)
	}
	next := make([]string, ways)
	race(w.t, ways, func(i int) error {
		got, err := w.refresh(w.t.Context(), i%len(w.Processes), first.Refresh)
		next[i] = got.Refresh
		return err
	})
	for i, token := range next {
		if token == "" || token != next[0] || token == first.Refresh {
			w.t.Errorf("round %d, refresh token: racer %d got none or one of its own", round, i)
		}
	}
	if third, err := w.refresh(w.t.Context(), 1, next[0]); err != nil || third.Refresh == "" {
		w.t.Errorf("round %d: the successor is answered %d %s %v", round, third.status, third.Error, err)
	}
	race(w.t, ways, func(i int) error {
		got, err := w.refresh(w.t.Context(), i%len(w.Processes), first.Refresh)
		if w.winsOr(got, "invalid_grant") {
			w.t.Errorf("round %d, old refresh token: racer %d was served", round, i)
		}
		return err
	})
}

// raceStoredRequest signs in by a request that is too long for a URL and hence
// lies in the database; eight press the button of its one link.
func (w *world) raceStoredRequest(round int) {
	w.t.Helper()
	long := w.request()
	long.url += "&claims=" + url.QueryEscape(`{"userinfo":{"nickname":{"values":["`+strings.Repeat("x", 3000)+`"]}}}`)
	l, link := w.mailedFor(long)
	if !strings.Contains(l.asked, "stored=") {
		w.t.Fatalf("round %d: the request is not a stored one: %s", round, l.asked)
	}
	opened, err := l.get(link)
	if err != nil {
		w.t.Fatal(err)
	}
	form := mustForm(w.t, opened, "/auth/verify")
	w.oneOf(fmt.Sprintf("round %d, stored request", round), func(i int) (bool, error) {
		p, err := l.to(i%len(w.Processes)).TrySubmit(opened, form, submitter(form), nil)
		return codeOf(p) != "", err
	})
	w.wroteOnce(fmt.Sprintf("round %d, stored request", round), l)
}

// raceAssertion presents one assertion at three endpoints at once.
func (w *world) raceAssertion(round int, s signer) {
	w.t.Helper()
	assertion := s.assertion(w.t, w.Issuer)
	w.oneOf(fmt.Sprintf("round %d, client assertion", round), func(i int) (bool, error) {
		form := url.Values{
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
			"token": {"x"}, "grant_type": {"refresh_token"}, "refresh_token": {"x"},
		}
		endpoint := []string{"/introspect", "/revoke", "/token"}[i%3]
		answer, body, err := ask(w.t.Context(), http.MethodPost, w.Issuer+endpoint, form, cluster.Replica, strconv.Itoa(i%len(w.Processes)))
		if err != nil {
			return false, err
		}
		refused := answer.StatusCode == http.StatusUnauthorized
		if refused != strings.Contains(string(body), `"invalid_client"`) {
			w.t.Errorf("round %d, client assertion: %s answers %d %s", round, endpoint, answer.StatusCode, body)
		}
		return !refused, nil
	})
}

func (w *world) raceInitialToken(round int) {
	w.t.Helper()
	var initial struct {
		Token string `json:"initial_access_token"`
	}
	out, err := w.Run(w.t.Context(), "client", "token", "--tenant", "demo", "--uses", "1")
	if err == nil {
		err = json.Unmarshal(out, &initial)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.oneOf(fmt.Sprintf("round %d, initial access token", round), func(i int) (bool, error) {
		status, err := w.register(w.t.Context(), i%len(w.Processes), initial.Token)
		if status != http.StatusCreated && status != http.StatusUnauthorized {
			w.t.Errorf("round %d, initial access token: status %d", round, status)
		}
		return status == http.StatusCreated, err
	})
}

func (w *world) register(ctx context.Context, replica int, token string) (int, error) {
	body := strings.NewReader(`{"redirect_uris":["` + callback + `"]}`)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Issuer+"/register", body)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set(cluster.Replica, strconv.Itoa(replica))
	answer, err := plain.Do(r)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// winsOr tells whether tokens were given, and fails the test where a refusal is another one.
func (w *world) winsOr(got tokens, refusal string) bool {
	w.t.Helper()
	if got.status != http.StatusOK && got.Error != refusal {
		w.t.Errorf("a loser is answered %d %s", got.status, got.Error)
	}
	return got.status == http.StatusOK
}

// signer is a client that proves itself by assertions.
type signer struct {
	app
	jose.Signer
}

func (w *world) newSigner() signer {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.t.TempDir(), "keys.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		w.t.Fatal(err)
	}
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return signer{app: w.newApp("--auth-method", "private_key_jwt", "--jwks-file", file), Signer: made}
}

func (s signer) assertion(t *testing.T, audience string) string {
	t.Helper()
	claims, err := json.Marshal(map[string]any{
		"iss": s.ID, "sub": s.ID, "aud": audience, "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
