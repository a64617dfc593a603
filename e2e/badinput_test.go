package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// form of an answer to a bad input.
type answerForm int

const (
	asPage     answerForm = iota // a page with our headers, and words
	asJSON                       // an OAuth error (RFC 6749 §5.2)
	asRedirect                   // an authorization error at the client (RFC 6749 §4.1.2.1)
	asBearer                     // a challenge (RFC 6750 §3)
	asPlain                      // any form, but no redirect
)

// badInput is one row of the table.
type badInput struct {
	method, path string // path below the server's URL, or a whole address
	form         url.Values
	header       []string
	status       int
	as           answerForm
	says         string // the OAuth error, or a text of the page
}

func TestBadInputGetsAClearErrorInItsOwnForm(t *testing.T) {
	t.Parallel()
	c, public := newClient(t, shared), newClient(t, shared, "--public")
	for name, row := range badPages(c) {
		t.Run(name, row.check)
	}
	for name, row := range badAuthorizations(c, public) {
		t.Run("authorize with "+name, row.check)
	}
	for name, row := range badTokenRequests(t, c, public) {
		t.Run(name, row.check)
	}
}

func badPages(c client) map[string]badInput {
	const base, verify = "/t/demo/auth/", "/t/demo/auth/verify"
	here := []string{"Sec-Fetch-Site", "same-origin"}
	long := strings.Repeat("A", 5000)
	return map[string]badInput{
		"an unknown tenant":                     {path: "/t/nobody/auth/login", status: 404},
		"an unknown tenant's discovery":         {path: "/t/nobody/.well-known/openid-configuration", status: 404, as: asPlain},
		"a tenant's name in capitals":           {path: "/t/DEMO/auth/login", status: 404},
		"an unknown page":                       {path: base + "nothing", status: 404},
		"an unknown asset":                      {path: base + "assets/nothing.css", status: 404, as: asPlain},
		"an unknown host":                       {path: "/t/demo/auth/login", header: []string{"Host", "evil.example"}, status: 421, as: asPlain},
		"login without a request":               {path: base + "login", status: 400},
		"login with a request that is not ours": {path: base + "login?request=AAAA", status: 400},
		"login with a stored one of nobody":     {path: base + "login?stored=019a0000-0000-7000-8000-000000000000", status: 400},
		"login posted from another site":        {method: "POST", path: base + "login", form: url.Values{"email": {"ada@example.com"}}, header: []string{"Sec-Fetch-Site", "cross-site"}, status: 403},
		"login posted with Origin null alone":   {method: "POST", path: base + "login", form: url.Values{"email": {"ada@example.com"}}, header: []string{"Origin", "null"}, status: 403},
		"login posted by nothing":               {method: "POST", path: base + "login", form: url.Values{}, status: 403},
		"login posted without a request":        {method: "POST", path: base + "login", form: url.Values{"email": {"ada@example.com"}}, header: here, status: 400},
		"login by DELETE":                       {method: "DELETE", path: base + "login", status: 405},
		"waiting without a flow":                {path: base + "waiting", status: 404},
		"waiting for a flow of nobody":          {path: base + "waiting?flow=019a0000-0000-7000-8000-000000000000", status: 404},
		"waiting for what is no flow":           {path: base + "waiting?flow=%00%FF", status: 404},
		"a code without a form token":           {method: "POST", path: base + "code", form: url.Values{"code": {"AAAA-AAAA"}}, header: here, status: 403},
		"a code from another site":              {method: "POST", path: base + "code", form: url.Values{"code": {"AAAA-AAAA"}}, header: []string{"Sec-Fetch-Site", "cross-site"}, status: 403},
		"a code by GET":                         {path: base + "code", status: 405},
		"resend without a form token":           {method: "POST", path: base + "resend", form: url.Values{}, header: here, status: 403},
		"resend by GET":                         {path: base + "resend", status: 405},
		"finish without a form token":           {method: "POST", path: base + "finish", form: url.Values{}, header: here, status: 403},
		"verify without a token":                {path: verify, status: 404},
		"verify with an empty token":            {path: verify + "?token=", status: 404},
		"verify with a short token":             {path: verify + "?token=abc", status: 404},
		"verify with a token of nobody":         {path: verify + "?token=" + strings.Repeat("A", 64), status: 404},
		"verify with a token far too long":      {path: verify + "?token=" + long, status: 404},
		"verify posted without a good token":    {method: "POST", path: verify, form: url.Values{"token": {"abc"}}, header: here, status: 404},
		"verify posted from another site":       {method: "POST", path: verify, form: url.Values{"token": {"abc"}}, header: []string{"Sec-Fetch-Site", "cross-site"}, status: 403},
		"consent without a request":             {path: base + "consent", status: 400},
		"consent posted without a request":      {method: "POST", path: base + "consent", form: url.Values{"action": {"agree"}}, header: here, status: 400},
		"a form of ten megabytes":               {method: "POST", path: base + "login", form: url.Values{"email": {strings.Repeat("a", 10<<20)}}, header: here, status: 413},
		"a demo page that is not there":         {path: "/dev/nothing", status: 404, says: "no such page"},
		"a demo callback that nobody asked for": {path: "/dev/app/callback?code=a&state=b", status: 400, says: "not started here"},
		"the mail API by POST":                  {method: "POST", path: "/dev/api/mail", form: url.Values{}, status: 405},
		"logout with a hint that is no token":   {path: "/t/demo/end_session?id_token_hint=nothing", status: 400},
		"logout to an address of nobody":        {path: "/t/demo/end_session?client_id=" + c.ID + "&post_logout_redirect_uri=https://evil.example/", status: 400},
		"logout for a client of nobody":         {path: "/t/demo/end_session?client_id=nobody", status: 400},
	}
}

func badAuthorizations(c, public client) map[string]badInput {
	page := func(c client, says string, change ...string) badInput {
		return badInput{path: c.request(change...).url, status: 400, says: says}
	}
	redirect := func(c client, says string, change ...string) badInput {
		return badInput{path: c.request(change...).url, status: 303, as: asRedirect, says: says}
	}
	return map[string]badInput{
		"no client":                            page(c, "client_id", "client_id", ""),
		"an unknown client":                    page(c, "client", "client_id", "nobody"),
		"no redirect URI":                      page(c, "redirect_uri", "redirect_uri", ""),
		"a redirect URI of nobody":             page(c, "redirect_uri", "redirect_uri", "https://evil.example/"),
		"a redirect URI with a path after":     page(c, "redirect_uri", "redirect_uri", callback+"/../x"),
		"a redirect URI with a query after":    page(c, "redirect_uri", "redirect_uri", callback+"?a=b"),
		"a redirect URI in capitals":           page(c, "redirect_uri", "redirect_uri", strings.ToUpper(callback)),
		"a redirect URI with a user":           page(c, "redirect_uri", "redirect_uri", "https://app.example@evil.example/callback"),
		"no response type":                     redirect(c, "invalid_request", "response_type", ""),
		"an unknown response type":             redirect(c, "unsupported_response_type", "response_type", "password"),
		"the implicit response type":           redirect(c, "unsupported_response_type", "response_type", "token"),
		"no openid scope":                      redirect(c, "invalid_scope", "scope", "email"),
		"no challenge by a public client":      redirect(public, "invalid_request", "code_challenge", "", "code_challenge_method", ""),
		"a plain challenge":                    redirect(c, "invalid_request", "code_challenge_method", "plain"),
		"a challenge without its method":       redirect(c, "invalid_request", "code_challenge_method", ""),
		"a method without a challenge":         redirect(c, "invalid_request", "code_challenge", ""),
		"a challenge that is too short":        redirect(c, "invalid_request", "code_challenge", "abc"),
		"an unknown prompt":                    redirect(c, "invalid_request", "prompt", "dance"),
		"prompt none beside another":           redirect(c, "invalid_request", "prompt", "none login"),
		"prompt none and nobody signed in":     redirect(c, "login_required", "prompt", "none"),
		"a max_age that is no number":          redirect(c, "invalid_request", "max_age", "young"),
		"a negative max_age":                   redirect(c, "invalid_request", "max_age", "-1"),
		"an id_token_hint that is no token":    redirect(c, "invalid_request", "id_token_hint", "nothing"),
		"an unknown response mode":             redirect(c, "invalid_request", "response_mode", "pigeon"),
		"a request object that is none":        redirect(c, "invalid_request_object", "request", "e30.e30."),
		"an unsigned request object":           redirect(c, "request_not_supported", "request", "eyJhbGciOiJub25lIn0.e30."),
		"a request_uri that is not registered": redirect(c, "invalid_request_uri", "request_uri", "https://app.example/r"),
	}
}

func badTokenRequests(t *testing.T, c, public client) map[string]badInput {
	t.Helper()
	m := metadata(t, shared)
	token, userinfo := m["token_endpoint"].(string), m["userinfo_endpoint"].(string)
	post := func(status int, says string, form ...string) badInput {
		values := url.Values{"client_id": {c.ID}, "client_secret": {c.Secret}}
		for i := 0; i < len(form); i += 2 {
			if values.Set(form[i], form[i+1]); form[i+1] == "" {
				values.Del(form[i])
			}
		}
		return badInput{method: "POST", path: token, form: values, status: status, as: asJSON, says: says}
	}
	code := []string{"grant_type", "authorization_code", "redirect_uri", callback, "code"}
	rows := map[string]badInput{
		"token by GET":                         {path: token, status: 405, as: asPlain},
		"token without a grant type":           post(400, "invalid_request"),
		"token with an unknown grant type":     post(400, "unsupported_grant_type", "grant_type", "password"),
		"token without a code":                 post(400, "invalid_request", "grant_type", "authorization_code", "redirect_uri", callback),
		"token with a code of nobody":          post(400, "invalid_grant", append(code, strings.Repeat("A", 64))...),
		"token with what is no code":           post(400, "invalid_grant", append(code, "x")...),
		"token without a refresh token":        post(400, "invalid_request", "grant_type", "refresh_token"),
		"token with a refresh token of nobody": post(400, "invalid_grant", "grant_type", "refresh_token", "refresh_token", strings.Repeat("A", 64)),
		"token with a wrong secret":            post(401, "invalid_client", append(code, "x", "client_secret", "wrong")...),
		"token without a secret":               post(401, "invalid_client", append(code, "x", "client_secret", "")...),
		"token for an unknown client":          post(401, "invalid_client", append(code, "x", "client_id", "nobody")...),
		"token for no client":                  post(401, "invalid_client", append(code, "x", "client_id", "", "client_secret", "")...),
		"token for a public client's secret":   post(401, "invalid_client", append(code, "x", "client_id", public.ID)...),
		"userinfo without a token":             {path: userinfo, status: 401, as: asBearer},
		"userinfo with what is no token":       {path: userinfo, header: []string{"Authorization", "Bearer nothing"}, status: 401, as: asBearer, says: "invalid_token"},
		"userinfo with another scheme":         {path: userinfo, header: []string{"Authorization", "Basic YTpi"}, status: 401, as: asBearer},
	}
	for _, name := range []string{"revocation_endpoint", "introspection_endpoint"} {
		if address, ok := m[name].(string); ok {
			rows[name+" without a client"] = badInput{method: "POST", path: address, form: url.Values{"token": {"x"}}, status: 401, as: asJSON, says: "invalid_client"}
			rows[name+" by GET"] = badInput{path: address, status: 405, as: asPlain}
		}
	}
	return rows
}

func (row badInput) check(t *testing.T) {
	address := row.path
	if strings.HasPrefix(address, "/") {
		address = shared.URL + address
	}
	method := row.method
	if method == "" {
		method = http.MethodGet
	}
	answer, body := ask(t, method, address, row.form, row.header...)
	if answer.StatusCode != row.status && (row.as != asRedirect || answer.StatusCode != http.StatusFound) {
		t.Errorf("status %d, not %d:\n%s", answer.StatusCode, row.status, tail(body, 1500))
	}
	if strings.Contains(body, "evil.example") && row.status == http.StatusMisdirectedRequest {
		t.Error("the answer echoes the host")
	}
	switch row.as {
	case asPage:
		row.checkPage(t, answer, body)
	case asJSON:
		row.checkJSON(t, answer, body)
	case asRedirect:
		row.checkRedirect(t, answer)
	case asBearer:
		if got := answer.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") || !strings.Contains(got, row.says) {
			t.Errorf("WWW-Authenticate: %q", got)
		}
	case asPlain:
		if answer.Header.Get("Location") != "" {
			t.Errorf("redirects to %s", answer.Header.Get("Location"))
		}
	}
}

func (row badInput) checkPage(t *testing.T, answer *http.Response, body string) {
	t.Helper()
	checkPageHeaders(t, answer)
	if !strings.Contains(body, "<h1") || !strings.Contains(body, row.says) {
		t.Errorf("the page does not say %q:\n%s", row.says, tail(body, 1500))
	}
}

func (row badInput) checkJSON(t *testing.T, answer *http.Response, body string) {
	t.Helper()
	var fault struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal([]byte(body), &fault); err != nil || fault.Error != row.says {
		t.Errorf("error %q, not %q: %s", fault.Error, row.says, body)
	}
	if got := answer.Header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
		t.Errorf("Cache-Control: %q", got)
	}
	if answer.StatusCode == http.StatusUnauthorized && answer.Header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}
}

func (row badInput) checkRedirect(t *testing.T, answer *http.Response) {
	t.Helper()
	u := harness.MustURL(t, answer.Header.Get("Location"))
	q := u.Query()
	if u.Fragment != "" { // where the response type would answer, its errors do too
		q = harness.MustURL(t, "?"+u.EscapedFragment()).Query()
	}
	if !strings.HasPrefix(u.String(), callback) || q.Get("error") != row.says || q.Get("iss") != shared.Issuer || q.Get("state") == "" {
		t.Errorf("not %s at the client: %s", row.says, u)
	}
}

func checkPageHeaders(t *testing.T, answer *http.Response) {
	t.Helper()
	h := answer.Header
	csp := h.Get("Content-Security-Policy")
	if !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe-inline") {
		t.Errorf("Content-Security-Policy: %q", csp)
	}
	for name, want := range map[string]string{
		"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if kind := h.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") {
		t.Errorf("Content-Type: %q", kind)
	}
}

// Addresses that two readers could read as two: each is refused on the login
// page, which keeps what was typed, and no mail goes out.
func TestBadAddressesAreRefusedOnTheLoginPage(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	page := b.Get(newClient(t, shared).request().url)
	for _, address := range []string{
		"", "ada", "ada@", "@example.com", "ada@localhost", "ada@example.com.", "ada＠example.com", `"a b"@example.com`,
		"ada@example.com,bob@example.com", "ada@[192.0.2.1]", "ada@192.0.2.1", "ada\r\nBcc: b@example.com@example.com",
		"=?utf-8?q?ada?=@example.com", "\u212Aelvin@example.com", "a..b@example.com", "ada(c)@example.com",
		strings.Repeat("a", 65) + "@example.com", "ada@" + strings.Repeat("a.", 130) + "com", "<b>@example.com",
	} {
		p := postAddress(t, b, page, address)
		if p.Status < 400 || p.Status >= 500 {
			t.Errorf("%q: status %d", address, p.Status)
		}
		if field, _ := p.FormTo(t, "/auth/login").Field("email"); len(address) < 100 && strings.TrimSpace(field.Value) != strings.TrimSpace(address) && !strings.Contains(address, "\n") {
			t.Errorf("%q came back as %q", address, field.Value)
		}
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
