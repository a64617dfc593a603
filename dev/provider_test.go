package dev_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	publicURL = "https://id.example"
	issuer    = publicURL + "/t/demo"
)

// provider is the least that a relying party can sign in with. Its fields bend
// what it answers.
type provider struct {
	t      *testing.T
	now    time.Time
	key    *ecdsa.PrivateKey
	signer jose.Signer
	// asked holds the authorization request by the code that answers it.
	asked   map[string]url.Values
	refresh string
	bend    func(claims map[string]any)
	mux     *http.ServeMux
}

func newProvider(t *testing.T, now time.Time) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, now: now, key: key, signer: signer, asked: map[string]url.Values{}, bend: func(map[string]any) {}, mux: http.NewServeMux()}
	p.mux.HandleFunc("GET /t/demo/.well-known/openid-configuration", p.discovery)
	p.mux.HandleFunc("GET /t/demo/jwks", p.jwks)
	p.mux.HandleFunc("POST /t/demo/token", p.token)
	p.mux.HandleFunc("GET /t/demo/userinfo", p.userinfo)
	return p
}

func (p *provider) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
		"jwks_uri": issuer + "/jwks", "userinfo_endpoint": issuer + "/userinfo", "end_session_endpoint": issuer + "/end_session",
		"id_token_signing_alg_values_supported": []string{"ES256"},
	})
}

func (p *provider) jwks(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &p.key.PublicKey, KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
}

// agree answers an authorization request as if the person had signed in.
func (p *provider) agree(authorize string) url.Values {
	p.t.Helper()
	u, err := url.Parse(authorize)
	if err != nil {
		p.t.Fatal(err)
	}
	code := rand.Text()
	p.asked[code] = u.Query()
	return url.Values{"code": {code}, "state": {u.Query().Get("state")}, "iss": {issuer}}
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if id != "demo-web" || secret != "hush" {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	asked := url.Values{}
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		asked = p.asked[r.PostFormValue("code")]
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if asked == nil || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") {
			answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
			return
		}
	case "refresh_token":
		if r.PostFormValue("refresh_token") != p.refresh {
			answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
			return
		}
	}
	p.refresh = rand.Text()
	answer(w, http.StatusOK, map[string]any{
		"access_token": "good", "token_type": "Bearer", "expires_in": 3600, "refresh_token": p.refresh, "id_token": p.idToken(asked.Get("nonce")),
	})
}

func (p *provider) idToken(nonce string) string {
	claims := map[string]any{
		"iss": issuer, "aud": "demo-web", "sub": "s-1", "iat": p.now.Unix(), "exp": p.now.Add(time.Hour).Unix(), "email": "ada@example.com",
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	p.bend(claims)
	payload, err := json.Marshal(claims)
	if err != nil {
		p.t.Fatal(err)
	}
	signed, err := p.signer.Sign(payload)
	if err != nil {
		p.t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return compact
}

func (p *provider) userinfo(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer good" {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"sub": "s-1", "email": "ada@example.com", "email_verified": true})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
