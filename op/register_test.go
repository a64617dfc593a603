package op_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

// send sends JSON.
func (w *world) send(method, target string, body any, header ...string) answer {
	w.t.Helper()
	raw, ok := body.(string)
	if !ok {
		encoded, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		raw = string(encoded)
	}
	r := httptest.NewRequest(method, target, strings.NewReader(raw))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return answer{Response: rec.Result(), body: rec.Body.String()}
}

type object = map[string]any

func withRegistration(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.settings = func(s *idp.TenantSettings) { s.OpenRegistration = true }
	return w
}

func metadataWith(changes object) object {
	out := object{"client_name": "New app", "redirect_uris": []string{"https://new.example/cb"}, "contacts": []string{"ada@new.example"}}
	for name, value := range changes {
		out[name] = value
	}
	return out
}

func TestAClientRegistersItselfAndLogsIn(t *testing.T) {
	w := withRegistration(t)
	res := w.send(http.MethodPost, "/t/a/register", metadataWith(object{
		"grant_types": []string{"authorization_code", "refresh_token"}, "initiate_login_uri": "https://new.example/start",
		"third_party": false, "auth_methods": []string{"none"}, "origins": []string{"https://evil.example"}, "unknown": 1, "scopes": []string{"pay"},
		"exchange_from": []string{"https://api.example"}, "exchange_for": []string{"https://api.example"},
	}))
	if res.StatusCode != http.StatusCreated || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	got := res.json(t)
	id, secret := got["client_id"].(string), got["client_secret"].(string)
	for _, name := range []string{"client_id", "client_secret", "registration_access_token", "client_id_issued_at"} {
		delete(got, name)
	}
	want := object{
		"client_name": "New app", "redirect_uris": []any{"https://new.example/cb"}, "contacts": []any{"ada@new.example"},
		"grant_types": []any{"authorization_code", "refresh_token"}, "response_types": []any{"code"},
		"initiate_login_uri": "https://new.example/start", "token_endpoint_auth_method": "client_secret_basic",
		"client_secret_expires_at": 0.0, "registration_client_uri": publicURL + "/t/a/register/" + id,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	stored := w.store.clients["tenant-a"][idp.ClientID(id)]
	if !stored.Metadata.ThirdParty || stored.Metadata.Origins != nil || stored.Metadata.Scopes != nil || stored.Metadata.For != nil {
		t.Errorf("a stranger set what is the operator's: %+v", stored.Metadata)
	}
	w.logIn("u1")
	target, _ := w.authorize(request(id, "redirect_uri", "https://new.example/cb")).location(t)
	if !strings.HasSuffix(target, "/auth/consent") {
		t.Errorf("went to %s", target)
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {"https://new.example/cb"}, "client_id": {id}, "client_secret": {secret}}
	if res := w.token(form); res.json(t)["error"] != "invalid_client" {
		t.Errorf("another method than the registered one: %s", res.body)
	}
	form.Del("client_secret")
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.SetBasicAuth(id, secret)
	if res := w.token(form, "Authorization", r.Header.Get("Authorization")); res.json(t)["error"] != "invalid_grant" {
		t.Errorf("the registered one: %s", res.body)
	}
}

func TestMetadataOfStrangersThatAreRefused(t *testing.T) {
	w := withRegistration(t)
	w.fetches = shelf{"https://new.example/sector": `["https://other.example/cb"]`, "https://new.example/page": "<html>", "https://new.example/keys": setOf(t)}
	w.start()
	before := len(w.store.clients["tenant-a"])
	for name, c := range map[string]struct {
		body any
		want string
	}{
		"no redirect URI":            {object{}, "invalid_redirect_uri"},
		"http":                       {metadataWith(object{"redirect_uris": []string{"http://new.example/cb"}}), "invalid_redirect_uri"},
		"a fragment":                 {metadataWith(object{"redirect_uris": []string{"https://new.example/cb#x"}}), "invalid_redirect_uri"},
		"a script":                   {metadataWith(object{"redirect_uris": []string{"javascript:alert(1)"}}), "invalid_redirect_uri"},
		"a private scheme, on web":   {metadataWith(object{"redirect_uris": []string{"com.example.app:/cb"}}), "invalid_redirect_uri"},
		"no list":                    {metadataWith(object{"redirect_uris": "https://new.example/cb"}), "invalid_client_metadata"},
		"no JSON":                    {"{", "invalid_client_metadata"},
		"a list":                     {"[]", "invalid_client_metadata"},
		"null":                       {"null", "invalid_client_metadata"},
		"a name that is a link":      {metadataWith(object{"client_name": "visit evil.example"}), "invalid_client_metadata"},
		"a name with a newline":      {metadataWith(object{"client_name": "a\nb"}), "invalid_client_metadata"},
		"a method that is unknown":   {metadataWith(object{"token_endpoint_auth_method": "client_secret_jwt"}), "invalid_client_metadata"},
		"a method of a number":       {metadataWith(object{"token_endpoint_auth_method": 1}), "invalid_client_metadata"},
		"implicit":                   {metadataWith(object{"grant_types": []string{"implicit"}}), "invalid_client_metadata"},
		"hybrid":                     {metadataWith(object{"response_types": []string{"code id_token"}}), "invalid_client_metadata"},
		"client_credentials":         {metadataWith(object{"grant_types": []string{"authorization_code", "client_credentials"}}), "invalid_client_metadata"},
		"token exchange":             {metadataWith(object{"grant_types": []string{"authorization_code", idp.GrantTokenExchange}}), "invalid_client_metadata"},
		"RSA1_5":                     {metadataWith(object{"id_token_encrypted_response_alg": "RSA1_5", "jwks_uri": "https://new.example/keys"}), "invalid_client_metadata"},
		"no key to encrypt for":      {metadataWith(object{"id_token_encrypted_response_alg": "ECDH-ES", "jwks_uri": "https://new.example/keys"}), "invalid_client_metadata"},
		"no set of keys":             {metadataWith(object{"id_token_encrypted_response_alg": "ECDH-ES", "jwks_uri": "https://new.example/page"}), "invalid_client_metadata"},
		"keys that cannot be read":   {metadataWith(object{"id_token_encrypted_response_alg": "ECDH-ES", "jwks_uri": "https://new.example/none"}), "invalid_client_metadata"},
		"a point on no curve":        {metadataWith(object{"id_token_encrypted_response_alg": "ECDH-ES", "jwks": object{"keys": []object{{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}}}), "invalid_client_metadata"},
		"encrypted and unsigned":     {metadataWith(object{"userinfo_encrypted_response_alg": "RSA-OAEP-256", "jwks_uri": "https://new.example/keys"}), "invalid_client_metadata"},
		"grants and responses":       {metadataWith(object{"grant_types": []string{"refresh_token"}, "response_types": []string{"code"}}), "invalid_client_metadata"},
		"keys in two places":         {metadataWith(object{"jwks": object{"keys": []object{{"kty": "EC"}}}, "jwks_uri": "https://new.example/jwks"}), "invalid_client_metadata"},
		"private_key_jwt, no keys":   {metadataWith(object{"token_endpoint_auth_method": "private_key_jwt"}), "invalid_client_metadata"},
		"a private key":              {metadataWith(object{"jwks": object{"keys": []object{{"kty": "oct", "k": "AA"}}}}), "invalid_client_metadata"},
		"no signature":               {metadataWith(object{"id_token_signed_response_alg": "none"}), "invalid_client_metadata"},
		"HMAC":                       {metadataWith(object{"id_token_signed_response_alg": "HS256"}), "invalid_client_metadata"},
		"a logo over http":           {metadataWith(object{"logo_uri": "http://new.example/logo"}), "invalid_client_metadata"},
		"a start over http":          {metadataWith(object{"initiate_login_uri": "http://localhost/start"}), "invalid_client_metadata"},
		"a policy of script":         {metadataWith(object{"policy_uri": "javascript:alert(1)"}), "invalid_client_metadata"},
		"too many redirect URIs":     {metadataWith(object{"redirect_uris": strings.Split(strings.Repeat("https://new.example/cb ", 20)+"https://new.example/cb", " ")}), "invalid_client_metadata"},
		"a long one":                 {metadataWith(object{"redirect_uris": []string{"https://new.example/" + strings.Repeat("x", 3000)}}), "invalid_client_metadata"},
		"a sector without it":        {metadataWith(object{"subject_type": "pairwise", "sector_identifier_uri": "https://new.example/sector"}), "invalid_client_metadata"},
		"a sector that is no list":   {metadataWith(object{"sector_identifier_uri": "https://new.example/page"}), "invalid_client_metadata"},
		"a sector that is not there": {metadataWith(object{"sector_identifier_uri": "https://new.example/none"}), "invalid_client_metadata"},
	} {
		res := w.send(http.MethodPost, "/t/a/register", c.body)
		if res.StatusCode != http.StatusBadRequest || res.json(t)["error"] != c.want || strings.Contains(res.body, "10.0.0.1") {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	if res := w.send(http.MethodPost, "/t/a/register", strings.Repeat(" ", 70<<10)); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge body: %d %s", res.StatusCode, res.body)
	}
	if res := w.do(http.MethodPost, "/t/a/register", url.Values{"redirect_uris": {"x"}}); res.json(t)["error"] != "invalid_client_metadata" {
		t.Errorf("a form: %s", res.body)
	}
	w.limits.allowed = false
	if res := w.send(http.MethodPost, "/t/a/register", metadataWith(nil)); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("over the limit: %d", res.StatusCode)
	}
	if n := len(w.store.clients["tenant-a"]); n != before {
		t.Errorf("%d clients were made", n-before)
	}
}

func TestASectorThatListsEveryRedirectURIIsTaken(t *testing.T) {
	w := withRegistration(t)
	w.fetches = shelf{"https://new.example/sector": `["https://new.example/cb", "https://other.example/cb"]`}
	w.start()
	res := w.send(http.MethodPost, "/t/a/register", metadataWith(object{
		"redirect_uris": []string{"https://new.example/cb", "https://other.example/cb"}, "subject_type": "pairwise", "sector_identifier_uri": "https://new.example/sector",
	}))
	if res.StatusCode != http.StatusCreated {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

func TestWhoMayRegister(t *testing.T) {
	w := newWorld(t)
	token := idp.NewCredential(idp.NewID(w.now()))
	w.store.tokens = map[string]idp.RegistrationToken{token.ID: {TenantID: "tenant-a", Digest: token.Secret.Digest(), Uses: 1}}
	bearer := "Bearer " + token.Reveal()
	if res := w.send(http.MethodPost, "/t/a/register", metadataWith(nil), "Authorization", bearer); res.StatusCode != http.StatusForbidden {
		t.Errorf("closed: %d %s", res.StatusCode, res.body)
	}
	if _, there := w.do(http.MethodGet, "/t/a/.well-known/openid-configuration", nil).json(t)["registration_endpoint"]; there {
		t.Error("metadata name an endpoint that is closed")
	}
	w.settings = func(s *idp.TenantSettings) { s.TokenRegistration = true }
	if got := w.do(http.MethodGet, "/t/a/.well-known/openid-configuration", nil).json(t)["registration_endpoint"]; got != publicURL+"/t/a/register" {
		t.Errorf("registration_endpoint is %v", got)
	}
	for name, header := range map[string]string{"nothing": "", "Basic": basicAuth(), "another": "Bearer " + idp.NewCredential(token.ID).Reveal(), "no token": "Bearer x"} {
		res := w.send(http.MethodPost, "/t/a/register", metadataWith(nil), "Authorization", header)
		if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	if res := w.send(http.MethodPost, "/t/b/register", metadataWith(nil), "Authorization", bearer); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("in another tenant: %d", res.StatusCode)
	}
	if res := w.send(http.MethodPost, "/t/a/register", object{}, "Authorization", bearer); res.StatusCode != http.StatusBadRequest {
		t.Errorf("bad metadata: %d", res.StatusCode)
	}
	if res := w.send(http.MethodPost, "/t/a/register", metadataWith(nil), "Authorization", bearer); res.StatusCode != http.StatusCreated {
		t.Errorf("the token: %d %s", res.StatusCode, res.body)
	}
	if res := w.send(http.MethodPost, "/t/a/register", metadataWith(nil), "Authorization", bearer); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the token, spent: %d", res.StatusCode)
	}
}

func basicAuth() string {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.SetBasicAuth("web", webSecret)
	return r.Header.Get("Authorization")
}

func TestAClientReadsReplacesAndDeletesItself(t *testing.T) {
	w := withRegistration(t)
	made := w.send(http.MethodPost, "/t/a/register", metadataWith(nil)).json(t)
	id, bearer := made["client_id"].(string), "Bearer "+made["registration_access_token"].(string)
	path := "/t/a/register/" + id
	other := w.send(http.MethodPost, "/t/a/register", metadataWith(nil)).json(t)
	for name, c := range map[string][2]string{
		"no token":           {path, ""},
		"another client's":   {path, "Bearer " + other["registration_access_token"].(string)},
		"another secret":     {path, "Bearer " + idp.NewCredential(id).Reveal()},
		"in another tenant":  {"/t/b/register/" + id, bearer},
		"at another client":  {"/t/a/register/" + other["client_id"].(string), bearer},
		"at one of the hand": {"/t/a/register/web", bearer},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			if res := w.send(method, c[0], metadataWith(object{"client_id": id}), "Authorization", c[1]); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s, %s: %d %s", method, name, res.StatusCode, res.body)
			}
		}
	}
	got := w.send(http.MethodGet, path, "", "Authorization", bearer).json(t)
	if _, told := got["client_secret"]; told || got["client_name"] != "New app" || "Bearer "+got["registration_access_token"].(string) != bearer {
		t.Errorf("read: %v", got)
	}
	change := metadataWith(object{"client_id": id, "client_name": "Changed", "contacts": nil})
	for name, body := range map[string]object{
		"another id":      metadataWith(object{"client_id": "web"}),
		"no id":           metadataWith(nil),
		"another secret":  metadataWith(object{"client_id": id, "client_secret": "chosen by me, is it"}),
		"a bad redirect":  metadataWith(object{"client_id": id, "redirect_uris": []string{"http://x.example"}}),
		"a secret of its": metadataWith(object{"client_id": id, "token_endpoint_auth_method": "magic"}),
	} {
		if res := w.send(http.MethodPut, path, body, "Authorization", bearer); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	change["client_secret"] = made["client_secret"]
	got = w.send(http.MethodPut, path, change, "Authorization", bearer).json(t)
	if _, still := got["contacts"]; still || got["client_name"] != "Changed" {
		t.Errorf("replaced: %v", got)
	}
	if stored := w.store.clients["tenant-a"][idp.ClientID(id)]; !stored.Metadata.ThirdParty || len(stored.Secrets) != 1 {
		t.Errorf("replaced: %+v", stored)
	}
	if res := w.send(http.MethodDelete, path, "", "Authorization", bearer); res.StatusCode != http.StatusNoContent {
		t.Errorf("delete: %d %s", res.StatusCode, res.body)
	}
	if res := w.send(http.MethodGet, path, "", "Authorization", bearer); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("read after it: %d", res.StatusCode)
	}
}

func TestLogosAreDrawnAnewAndServedHere(t *testing.T) {
	picture := func(side int) string {
		p := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
		var out bytes.Buffer
		if err := gif.Encode(&out, p, nil); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	w := withRegistration(t)
	w.fetches = shelf{
		"https://new.example/good": picture(16) + "<script>alert(1)</script>", "https://new.example/huge": picture(1025),
		"https://new.example/page": "<html>", "https://new.example/svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
	}
	w.start()
	for uri, want := range map[string]int{"good": http.StatusOK, "huge": http.StatusNotFound, "page": http.StatusNotFound, "svg": http.StatusNotFound, "none": http.StatusNotFound} {
		made := w.send(http.MethodPost, "/t/a/register", metadataWith(object{"logo_uri": "https://new.example/" + uri}))
		if made.StatusCode != http.StatusCreated {
			t.Fatalf("%s: %d %s", uri, made.StatusCode, made.body)
		}
		id := made.json(t)["client_id"].(string)
		res := w.do(http.MethodGet, "/t/a/auth/logo/"+id, nil)
		if res.StatusCode != want || w.store.clients["tenant-a"][idp.ClientID(id)].Metadata.Logo != (want == http.StatusOK) {
			t.Errorf("%s: %d %s", uri, res.StatusCode, res.body)
		}
		if want != http.StatusOK {
			continue
		}
		drawn, err := png.Decode(strings.NewReader(res.body))
		if err != nil || drawn.Bounds().Dx() != 16 || strings.Contains(res.body, "script") {
			t.Errorf("%s: %v", uri, err)
		}
		if res.Header.Get("Content-Type") != "image/png" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", uri, res.Header)
		}
		if res := w.do(http.MethodGet, "/t/b/auth/logo/"+id, nil); res.StatusCode != http.StatusNotFound {
			t.Errorf("in another tenant: %d", res.StatusCode)
		}
	}
}

func TestAClientRegistersForEncryptedTokens(t *testing.T) {
	w := withRegistration(t)
	r := newReader(t, "RSA-OAEP-256", "reads")
	w.fetches = shelf{"https://new.example/keys": setOf(t, r)}
	w.start()
	res := w.send(http.MethodPost, "/t/a/register", metadataWith(object{
		"id_token_encrypted_response_alg": "RSA-OAEP-256", "jwks_uri": "https://new.example/keys",
	}))
	got := res.json(t)
	if res.StatusCode != http.StatusCreated || got["id_token_encrypted_response_alg"] != "RSA-OAEP-256" || got["id_token_encrypted_response_enc"] != "A128CBC-HS256" {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}
