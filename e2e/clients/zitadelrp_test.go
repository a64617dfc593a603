package clients_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	cookies "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
)

type idTokenTokens = oidc.Tokens[*oidc.IDTokenClaims]

// An app on zitadel/oidc's handlers and cookies: sign-in, userinfo, refresh,
// introspection by its resource server, revocation, sign-out.
func TestZitadelRelyingPartyInGo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		style       oauth2.AuthStyle
		alg, secret string
		args        []string
	}{
		"client_secret_basic with an odd secret": {style: oauth2.AuthStyleInHeader, secret: odd},
		"client_secret_post with an odd secret":  {style: oauth2.AuthStyleInParams, secret: odd},
		"public, ID token in ES256": {
			style: oauth2.AuthStyleInParams, args: []string{"--public", "--id-token-alg", "ES256"},
		},
		"private_key_jwt, RS256": {style: oauth2.AuthStyleInParams, alg: "RS256"},
		"private_key_jwt, ES256": {style: oauth2.AuthStyleInParams, alg: "ES256"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := newZitadelApp(t)
			args := append(c.args, "--post-logout-redirect-uri", bye, "--finish", "link")
			options := []rp.Option{rp.WithAuthStyle(c.style)}
			var pemKey []byte
			if c.alg != "" {
				private, public := newKey(t, c.alg)
				pemKey = pkcs8(t, private)
				options = append(options, rp.WithJWTProfile(rp.SignerFromKeyAndKeyID(pemKey, "one")))
				args = append(args, "--auth-method", "private_key_jwt", "--jwks-file", public)
			}
			if c.secret != "" {
				args = append(args, "--secret-file", secretFile(t, c.secret))
			}
			registered := register(t, "zitadel-oidc", app.URL, args...)
			party := app.serve(registered, options...)
			p := newPerson(t)
			p.signIn(app.URL + "/login")
			found := app.use(party, p)
			found.check(t, p)
			app.introspect(registered, pemKey, app.renewed.AccessToken)
			app.leave(party, p)
			if !p.signedOut() {
				t.Error("the end-session URL did not sign out")
			}
		})
	}
}

// zitadelApp is a web app and what it has come to know.
type zitadelApp struct {
	*httptest.Server
	t       *testing.T
	mux     *http.ServeMux
	tokens  *idTokenTokens
	info    *oidc.UserInfo
	renewed *idTokenTokens
}

func newZitadelApp(t *testing.T) *zitadelApp {
	t.Helper()
	mux := http.NewServeMux()
	app := &zitadelApp{t: t, mux: mux, Server: httptest.NewServer(mux)}
	t.Cleanup(app.Close)
	return app
}

func (a *zitadelApp) serve(c client, options ...rp.Option) rp.RelyingParty {
	a.t.Helper()
	cookie := cookies.NewCookieHandler([]byte(rand.Text()), nil, cookies.WithUnsecure())
	options = append(options, rp.WithCookieHandler(cookie), rp.WithPKCE(cookie), rp.WithSigningAlgsFromDiscovery())
	scopes := []string{oidc.ScopeOpenID, oidc.ScopeEmail, oidc.ScopeOfflineAccess}
	party, err := rp.NewRelyingPartyOIDC(a.t.Context(), shared.Issuer, c.ID, c.Secret, a.URL+"/callback", scopes, options...)
	if err != nil {
		a.t.Fatal(err)
	}
	a.mux.Handle("/login", rp.AuthURLHandler(rand.Text, party))
	a.mux.Handle("/callback", rp.CodeExchangeHandler(rp.UserinfoCallback(
		func(_ http.ResponseWriter, _ *http.Request, tokens *idTokenTokens, _ string, _ rp.RelyingParty, info *oidc.UserInfo) {
			a.tokens, a.info = tokens, info
		}), party))
	return party
}

// use refreshes the tokens and reports what was told of the person.
func (a *zitadelApp) use(party rp.RelyingParty, p person) report {
	a.t.Helper()
	if a.tokens == nil || a.info == nil {
		a.t.Fatal("the sign-in did not come to its end")
	}
	var err error
	a.renewed, err = rp.RefreshTokens[*oidc.IDTokenClaims](a.t.Context(), party, a.tokens.RefreshToken, "", "")
	if err != nil {
		p.t.Fatal(err)
	}
	claims := a.tokens.IDTokenClaims
	var found report
	found.Claims.Issuer, found.Claims.Subject = claims.Issuer, claims.Subject
	found.Claims.Email, found.Claims.Verified = claims.Email, bool(claims.EmailVerified)
	found.Userinfo.Subject, found.Userinfo.Email = a.info.Subject, a.info.Email
	found.RenewedSub, found.Rotated = a.renewed.IDTokenClaims.Subject, a.renewed.RefreshToken != a.tokens.RefreshToken
	return found
}

// introspect asks as a resource server of the same client, where it can prove itself.
func (a *zitadelApp) introspect(c client, pemKey []byte, token string) {
	a.t.Helper()
	var (
		server rs.ResourceServer
		err    error
	)
	switch {
	case pemKey != nil:
		server, err = rs.NewResourceServerJWTProfile(a.t.Context(), shared.Issuer, c.ID, "one", pemKey)
	case c.Secret != "":
		server, err = rs.NewResourceServerClientCredentials(a.t.Context(), shared.Issuer, c.ID, c.Secret)
	default:
		return
	}
	if err != nil {
		a.t.Fatal(err)
	}
	told, err := rs.Introspect[*oidc.IntrospectionResponse](a.t.Context(), server, token)
	if err != nil || !told.Active || told.ClientID != c.ID || told.Subject != a.tokens.IDTokenClaims.Subject {
		a.t.Errorf("introspection: %+v, %v", told, err)
	}
}

// leave revokes the tokens and signs out.
func (a *zitadelApp) leave(party rp.RelyingParty, p person) {
	a.t.Helper()
	ctx := a.t.Context()
	if err := rp.RevokeToken(ctx, party, a.renewed.RefreshToken, "refresh_token"); err != nil {
		a.t.Error(err)
	}
	if _, err := rp.RefreshTokens[*oidc.IDTokenClaims](ctx, party, a.renewed.RefreshToken, "", ""); err == nil {
		a.t.Error("a revoked refresh token gave tokens")
	}
	next, err := rp.EndSession(ctx, party, a.renewed.IDToken, bye, "state", "", nil)
	if err != nil {
		a.t.Fatal(err)
	}
	if page := p.browser.Get(next.String()); page.URL.String() != bye+"?state=state" {
		a.t.Errorf("signing out ended with status %d at %s", page.Status, page.URL.Redacted())
	}
}

// pkcs8 is a private JWK as the library reads keys.
func pkcs8(t *testing.T, private []byte) []byte {
	t.Helper()
	var jwk jose.JSONWebKey
	if err := json.Unmarshal(private, &jwk); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(jwk.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
