package cluster_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"

	"postern/e2e/cluster"
	"postern/e2e/harness"
	"postern/storage/postgres/pgtest"
)

// bothDatabases runs a race over two processes on PostgreSQL and on one file.
func bothDatabases(t *testing.T, race func(*world)) {
	t.Helper()
	t.Run("PostgreSQL", func(t *testing.T) { race(newWorld(t, 2, pgtest.Schema(t, pgtest.URL(t)))) })
	t.Run("SQLite", func(t *testing.T) {
		race(newWorld(t, 2, "sqlite:"+filepath.Join(t.TempDir(), "postern.db")))
	})
}

// prover is an app that proves its key (RFC 9449).
type prover struct {
	app
	key   harness.ProofKey
	nonce string
}

func (w *world) prover(a app) *prover {
	w.t.Helper()
	p := &prover{app: a, key: harness.NewProofKey(w.t)}
	// Whatever is asked for, the answer brings the nonce to use.
	answer, _, err := ask(w.t.Context(), http.MethodPost, a.issuer+"/token", url.Values{"client_id": {a.ID}, "client_secret": {a.Secret}, "grant_type": {"refresh_token"}},
		"DPoP", p.prove(http.MethodPost, "/token", ""))
	if err != nil || answer.Header.Get("DPoP-Nonce") == "" {
		w.t.Fatalf("no nonce: %v", err)
	}
	p.nonce = answer.Header.Get("DPoP-Nonce")
	return p
}

func (p *prover) prove(method, path, token string) string {
	return p.key.Prove(method, p.issuer+path, p.nonce, token)
}

// send asks for tokens with a proof.
func (p *prover) send(ctx context.Context, replica int, form url.Values, proof string) (tokens, error) {
	form.Set("client_id", p.ID)
	form.Set("client_secret", p.Secret)
	answer, body, err := ask(ctx, http.MethodPost, p.issuer+"/token", form, cluster.Replica, strconv.Itoa(replica), "DPoP", proof)
	if err != nil {
		return tokens{}, err
	}
	got := tokens{status: answer.StatusCode}
	return got, json.Unmarshal(body, &got)
}

func TestOfManyBrowsersWithOnePushedRequestOverTwoProcessesOneGetsACode(t *testing.T) {
	bothDatabases(t, func(w *world) {
		l, _ := w.signIn(w.app)
		for round := range size(5, 50) {
			uri := w.push()
			to := w.issuer + "/authorize?" + url.Values{"client_id": {w.ID}, "request_uri": {uri}}.Encode()
			pages := make([]*harness.Page, 24)
			race(w.t, len(pages), func(i int) (err error) {
				pages[i], err = l.to(i%2).Do(http.MethodGet, to, "", nil)
				return err
			})
			codes := 0
			for i, p := range pages {
				switch {
				case codeOf(p) != "":
					codes++
				case p.Status != http.StatusBadRequest:
					w.t.Errorf("round %d: a loser (%d) is answered %d", round, i, p.Status)
				}
			}
			if codes != 1 {
				w.t.Errorf("round %d: %d codes for one pushed request", round, codes)
			}
		}
		w.noFaults()
	})
}

// push pushes an authorization request to one process.
func (w *world) push() string {
	w.t.Helper()
	form := harness.MustURL(w.t, w.request().url).Query()
	form.Set("client_secret", w.Secret)
	answer, body, err := ask(w.t.Context(), http.MethodPost, w.issuer+"/par", form, cluster.Replica, "0")
	if err != nil || answer.StatusCode != http.StatusCreated {
		w.t.Fatalf("push: %v %s", err, body)
	}
	var got struct {
		URI string `json:"request_uri"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		w.t.Fatal(err)
	}
	return got.URI
}

func TestOneProofSentByManyOverTwoProcessesCountsOnce(t *testing.T) {
	bothDatabases(t, func(w *world) {
		p := w.prover(w.app)
		l, code := w.signIn(w.app)
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {l.request.verifier}}
		got, err := p.send(w.t.Context(), 0, form, p.prove(http.MethodPost, "/token", ""))
		if err != nil || got.status != http.StatusOK {
			w.t.Fatalf("%+v %v", got, err)
		}
		for round := range size(5, 50) {
			proof := p.prove(http.MethodPost, "/token", "")
			answers := make([]tokens, 16)
			race(w.t, len(answers), func(i int) (err error) {
				answers[i], err = p.send(w.t.Context(), i%2, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}}, proof)
				return err
			})
			var won []tokens
			for i, a := range answers {
				switch {
				case a.status == http.StatusOK:
					won = append(won, a)
				case a.Error != "invalid_dpop_proof":
					w.t.Errorf("round %d: a loser (%d) is answered %d %s", round, i, a.status, a.Error)
				}
			}
			if len(won) != 1 {
				w.t.Fatalf("round %d: refreshed %d times by one proof", round, len(won))
			}
			got = won[0]
			w.raceUserinfo(round, p, got.Access)
		}
		w.noFaults()
	})
}

func (w *world) raceUserinfo(round int, p *prover, token string) {
	w.t.Helper()
	proof := p.prove(http.MethodGet, "/userinfo", token)
	statuses := make([]int, 16)
	race(w.t, len(statuses), func(i int) error {
		answer, _, err := ask(w.t.Context(), http.MethodGet, p.issuer+"/userinfo", nil, cluster.Replica, strconv.Itoa(i%2),
			"Authorization", "DPoP "+token, "DPoP", proof)
		if err != nil {
			return err
		}
		statuses[i] = answer.StatusCode
		return nil
	})
	told := 0
	for _, status := range statuses {
		if status == http.StatusOK {
			told++
		} else if status != http.StatusUnauthorized {
			w.t.Errorf("round %d: a loser is answered %d", round, status)
		}
	}
	if told != 1 {
		w.t.Errorf("round %d: userinfo told %d times by one proof", round, told)
	}
}

func TestOfManyPollsOfOneDeviceCodeOverTwoProcessesOneGetsTokens(t *testing.T) {
	bothDatabases(t, func(w *world) {
		tool := w.newApp("--public", "--grant", "refresh_token", "--grant", deviceGrant)
		l, _ := w.signIn(w.app)
		for round := range size(3, 30) {
			device := w.askDevice(tool)
			page, err := l.get(device.Page)
			if err == nil {
				page, err = l.submit(page, "/auth/device", nil)
			}
			if err == nil {
				_, err = l.submit(page, "/auth/consent", nil)
			}
			if err != nil {
				w.t.Fatal(err)
			}
			answers := make([]tokens, 24)
			race(w.t, len(answers), func(i int) (err error) {
				answers[i], err = tool.token(w.t.Context(), i%2, url.Values{"grant_type": {deviceGrant}, "device_code": {device.Code}})
				return err
			})
			won := 0
			for i, a := range answers {
				switch {
				case a.status == http.StatusOK:
					won++
				case a.Error != "invalid_grant":
					w.t.Errorf("round %d: a loser (%d) is answered %d %s", round, i, a.status, a.Error)
				}
			}
			if won != 1 {
				w.t.Errorf("round %d: %d polls got tokens", round, won)
			}
		}
		w.noFaults()
	})
}

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// device is what a device is told.
type device struct {
	Code string `json:"device_code"`
	Page string `json:"verification_uri_complete"`
}

func (w *world) askDevice(a app) (d device) {
	w.t.Helper()
	form := url.Values{"client_id": {a.ID}, "scope": {"openid email offline_access"}}
	answer, body, err := ask(w.t.Context(), http.MethodPost, a.issuer+"/device_authorization", form, cluster.Replica, "0")
	if err == nil {
		err = json.Unmarshal(body, &d)
	}
	if err != nil || answer.StatusCode != http.StatusOK {
		w.t.Fatalf("%v %s", err, body)
	}
	return d
}
