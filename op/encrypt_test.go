package op_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

const keysURI = "https://web.example/keys.json"

// reader is a client's key pair to decrypt with.
type reader struct {
	private crypto.Signer
	kid     string
}

var rsaReader = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newReader(t *testing.T, alg idp.KeyAlg, kid string) reader {
	t.Helper()
	if alg == "RSA-OAEP-256" {
		return reader{rsaReader(), kid}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return reader{key, kid}
}

// set is a JWK set of readers' public keys, behind one to sign with.
func setOf(t *testing.T, readers ...reader) string {
	t.Helper()
	keys := []jose.JSONWebKey{{Key: rsaReader().Public(), KeyID: "signs", Use: "sig"}}
	for _, r := range readers {
		keys = append(keys, jose.JSONWebKey{Key: r.private.Public(), KeyID: r.kid, Use: "enc"})
	}
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// open decrypts what is for the reader, and gives the signed token within.
func (r reader) open(t *testing.T, token any, with idp.Encryption) string {
	t.Helper()
	sealed, err := jose.ParseEncryptedCompact(fmt.Sprint(token), []jose.KeyAlgorithm{jose.KeyAlgorithm(with.Alg)}, []jose.ContentEncryption{jose.ContentEncryption(with.Enc)})
	if err != nil {
		t.Fatalf("%v: %v", with, err)
	}
	if sealed.Header.KeyID != r.kid || sealed.Header.ExtraHeaders["cty"] != "JWT" {
		t.Errorf("header %+v", sealed.Header)
	}
	plain, err := sealed.Decrypt(r.private)
	if err != nil {
		t.Fatalf("%v: %v", with, err)
	}
	return string(plain)
}

// encrypted registers that the client "web" wants its answers encrypted.
func encrypted(w *world, with idp.Encryption, set string) {
	w.t.Helper()
	w.register(func(m *idp.ClientMetadata) {
		m.IDTokenKeyAlg, m.IDTokenEnc, m.JWKS = with.Alg, with.Enc, json.RawMessage(set)
		m.UserinfoAlg, m.UserinfoKeyAlg, m.UserinfoEnc = idp.ES256, with.Alg, with.Enc
	})
	if err := w.store.clients["tenant-a"]["web"].Validate(); err != nil {
		w.t.Fatal(err)
	}
}

func TestIDTokensAreEncryptedForTheirClient(t *testing.T) {
	for _, alg := range idp.KeyAlgs {
		for _, enc := range idp.Encs {
			t.Run(string(alg)+" "+string(enc), func(t *testing.T) {
				w, with := newWorld(t), idp.Encryption{Alg: alg, Enc: enc}
				r := newReader(t, alg, "reads")
				encrypted(w, with, setOf(t, r))
				tokens := w.tokens("web")
				id := r.open(t, tokens["id_token"], with)
				if claims := w.claimsOf(id, "JWT", jose.RS256); claims["sub"] != "subject-1" || claims["nonce"] != "the nonce" {
					t.Errorf("%v", claims)
				}
				renewed := w.token(refreshing("web", tokens["refresh_token"])).json(t)
				w.claimsOf(r.open(t, renewed["id_token"], with), "JWT", jose.RS256)
				res := w.userinfo(tokens["access_token"])
				if claims := w.claimsOf(r.open(t, res.body, with), "userinfo+jwt", jose.ES256); claims["email"] != "ada@example.org" || res.Header.Get("Content-Type") != "application/jwt" {
					t.Errorf("userinfo: %v", claims)
				}
				if _, values := w.authorize(request("web", "prompt", "none", "id_token_hint", id)).location(t); values.Get("code") == "" {
					t.Errorf("the signed token within is a hint: %v", values)
				}
				if _, values := w.authorize(request("web", "prompt", "none", "id_token_hint", fmt.Sprint(tokens["id_token"]))).location(t); values.Get("error") != "invalid_request" {
					t.Errorf("an encrypted hint: %v", values)
				}
			})
		}
	}
}

func TestADevicesIDTokenIsEncryptedToo(t *testing.T) {
	w, with := withDevices(t), idp.Encryption{Alg: "ECDH-ES", Enc: idp.DefaultEnc}
	r := newReader(t, with.Alg, "reads")
	c := w.store.clients["tenant-a"]["native"]
	c.Metadata.IDTokenKeyAlg, c.Metadata.JWKS = with.Alg, json.RawMessage(setOf(t, r))
	w.store.clients["tenant-a"]["native"] = c
	code := w.device(deviceRequest()).json(t)["device_code"].(string)
	w.allow(code)
	w.claimsOf(r.open(t, w.token(polling(code)).json(t)["id_token"], with), "JWT", jose.RS256)
}

func TestTheKeyOfTheDayIsEncryptedFor(t *testing.T) {
	w, with := newWorld(t), idp.Encryption{Alg: "ECDH-ES+A128KW", Enc: "A256GCM"}
	first, second := newReader(t, with.Alg, "first"), newReader(t, with.Alg, "second")
	w.fetches = shelf{keysURI: setOf(t, first)}
	w.start()
	encrypted(w, with, setOf(t, first))
	w.register(func(m *idp.ClientMetadata) { m.JWKS, m.JWKSURI = nil, keysURI })
	first.open(t, w.tokens("web")["id_token"], with)
	w.fetches[keysURI] = setOf(t, second)
	second.open(t, w.tokens("web")["id_token"], with)
	// What is kept holds no such key: it is fetched once more before that is an error.
	w.fetches[keysURI], w.fetches[keysURI+" renewed"] = setOf(t), setOf(t, first)
	first.open(t, w.tokens("web")["id_token"], with)
}

func TestAClientWhoseKeyIsMissingIsToldAndKeepsItsCode(t *testing.T) {
	w, with := newWorld(t), idp.Encryption{Alg: "ECDH-ES", Enc: idp.DefaultEnc}
	r := newReader(t, with.Alg, "reads")
	w.fetches = shelf{keysURI: setOf(t, r)}
	w.start()
	encrypted(w, with, setOf(t, r))
	w.register(func(m *idp.ClientMetadata) { m.JWKS, m.JWKSURI = nil, keysURI })
	tokens, code := w.tokens("web"), w.code("web")
	for name, set := range map[string]string{"keys to sign with": setOf(t), "no set": "<html>", "nothing there": ""} {
		if w.fetches[keysURI] = set; set == "" {
			delete(w.fetches, keysURI)
		}
		for what, res := range map[string]answer{
			"code": w.token(redemption("web", code)), "refresh": w.token(refreshing("web", tokens["refresh_token"])), "userinfo": w.userinfo(tokens["access_token"]),
		} {
			if wantError(t, res, http.StatusBadRequest, "invalid_request"); t.Failed() || !strings.Contains(res.body, "encrypt") || strings.Contains(res.body, "10.0.0.1") {
				t.Fatalf("%s, %s: %s", name, what, res.body)
			}
		}
	}
	w.fetches[keysURI] = setOf(t, r)
	for name, form := range map[string]url.Values{"code": redemption("web", code), "refresh": refreshing("web", tokens["refresh_token"])} {
		if res := w.token(form); res.StatusCode != http.StatusOK {
			t.Errorf("the missing key cost the %s: %s", name, res.body)
		}
	}
}
