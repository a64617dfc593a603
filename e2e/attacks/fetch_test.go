package attacks_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/e2e/harness"
)

// inside listens where nothing of an installation's inside may be asked, and
// counts who connects.
type inside struct {
	port  string
	calls atomic.Int64
}

func newInside(t *testing.T) *inside {
	t.Helper()
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	in := &inside{port: fmt.Sprint(port)}
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, in.port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				in.calls.Add(1)
				conn.Close()
			}
		}()
	}
	return in
}

// addresses name the inside in every spelling, and others that nobody may reach.
func (in *inside) addresses() []string {
	hosts := []string{
		"127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.1.", "0.0.0.0", "0",
		"[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
		"localhost", "LOCALHOST", "localhost.", "①②⑦.⓪.⓪.①", "user@127.0.0.1", "evil.example@127.0.0.1",
		"169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "[fe80::1]",
	}
	var all []string
	for _, host := range hosts {
		all = append(all, "https://"+host+":"+in.port+"/x", "http://"+host+":"+in.port+"/x")
	}
	return append(all, "https://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "gopher://127.0.0.1:"+in.port+"/x",
		"ftp://127.0.0.1:"+in.port+"/x", `https:\\127.0.0.1:`+in.port+`\x`)
}

// Threat 25: an app registers itself with URIs that point inside, in production.
func TestURIsOfAnAppThatPointInsideAreNeverConnectedTo(t *testing.T) {
	t.Parallel()
	dir, in := newFolder(t), newInside(t)
	command(t, dir, "tenant", "create", "own", "--name", "Own")
	command(t, dir, "tenant", "set", "own", "registration=token", "limit.attempt=100000/1m")
	var initial struct {
		Token string `json:"initial_access_token"`
	}
	decode(t, command(t, dir, "client", "token", "--tenant", "own", "--uses", "1000"), &initial)
	at := tenant{base: serve(t, dir).base + "/t/own", host: public}
	for _, uri := range in.addresses() {
		for name, metadata := range map[string]map[string]any{
			"logo_uri":              {"logo_uri": uri},
			"sector_identifier_uri": {"sector_identifier_uri": uri, "subject_type": "pairwise"},
			"jwks_uri":              {"jwks_uri": uri, "token_endpoint_auth_method": "private_key_jwt"},
			"request_uris":          {"request_uris": []string{uri}},
			"encryption":            {"jwks_uri": uri, "id_token_encrypted_response_alg": "ECDH-ES"},
			"backchannel":           {"backchannel_logout_uri": uri},
		} {
			metadata["redirect_uris"] = []string{callback}
			body, err := json.Marshal(metadata)
			if err != nil {
				t.Fatal(err)
			}
			got, text := at.send(t, attempt{method: http.MethodPost, path: "/register", body: string(body), header: map[string]string{
				"Authorization": "Bearer " + initial.Token, "Content-Type": "application/json",
			}})
			if got.Status != http.StatusCreated {
				continue // refused at once
			}
			var made app
			decode(t, []byte(strings.TrimSpace(text)), &made)
			use(t, at, name, made, uri)
		}
	}
	if n := in.calls.Load(); n != 0 {
		t.Errorf("%d connections to the inside", n)
	}
}

// use does what makes the provider fetch a URI of a client that is registered.
func use(t *testing.T, at tenant, name string, made app, uri string) {
	t.Helper()
	c := client{app: made, tenant: at}
	switch name {
	case "jwks_uri":
		if status, body := c.assert(t, -1, newSigner(t).sign(t, assertionClaims(c, "inside"), nil)); status != http.StatusUnauthorized {
			t.Errorf("an assertion under keys at %s: %d %s", uri, status, body)
		}
	case "request_uris":
		values := authorizeValues(made)
		values.Set("request_uri", uri)
		if got, _ := at.send(t, attempt{method: http.MethodGet, path: "/authorize", values: values}); strings.Contains(got.Location, "code") {
			t.Errorf("a request at %s: %v", uri, got)
		}
	}
}

// What may be fetched is not followed to where it points, is cut off where it is
// endless, and given up where it is slow.
func TestDocumentsThatRedirectFloodOrStallAreGivenUp(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		var elsewhere atomic.Int64
		next := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			elsewhere.Add(1)
			_, _ = rw.Write([]byte("[]"))
		}))
		t.Cleanup(next.Close)
		stop := make(chan struct{})
		app := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/redirect":
				http.Redirect(rw, r, next.URL, http.StatusFound)
			case "/flood":
				for range 100_000 {
					if _, err := rw.Write(make([]byte, 4096)); err != nil {
						return
					}
				}
			case "/stall":
				rw.WriteHeader(http.StatusOK)
				rw.(http.Flusher).Flush()
				<-stop
			}
		}))
		t.Cleanup(app.Close)
		t.Cleanup(func() { close(stop) })
		c := w.demo(t)
		for _, path := range []string{"/redirect", "/flood", "/stall"} {
			began := time.Now()
			body, err := json.Marshal(map[string]any{
				"redirect_uris": []string{callback}, "sector_identifier_uri": app.URL + path, "subject_type": "pairwise",
			})
			if err != nil {
				t.Fatal(err)
			}
			got, text := c.tenant.send(t, attempt{
				method: http.MethodPost, path: "/register", body: string(body), header: map[string]string{"Content-Type": "application/json"},
			})
			if got.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", path, got.Status, text)
			}
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("%s took %s", path, took)
			}
		}
		if n := elsewhere.Load(); n != 0 {
			t.Errorf("%d requests to where a redirect points", n)
		}
	})
}

// Threat 6: everything that may name a host, in production: what is mailed and
// answered begins with the tenant's own address or not at all.
func TestForgedHostsReachNeitherMailNorMetadata(t *testing.T) {
	t.Parallel()
	dir := newFolder(t)
	command(t, dir, "tenant", "create", "own", "--name", "Own")
	made := command(t, dir, "client", "create", "--tenant", "own", "--name", "App", "--public", "--redirect-uri", callback, "--json")
	sink, p := serveWithMail(t, dir)
	at := tenant{base: "https://" + public + "/t/own"}
	decode(t, made, &at.app)
	const evil = "evil.example"
	forgeries := []map[string]string{
		{"X-Forwarded-Host": evil},
		{"X-Forwarded-Host": evil + ", " + public},
		{"X-Forwarded-Proto": "http", "X-Forwarded-Port": "1", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Server": evil},
		{"Forwarded": "for=127.0.0.1;host=" + evil + ";proto=http"},
		{"X-Original-URL": "https://" + evil, "X-Rewrite-URL": "https://" + evil, "X-Host": evil, "X-HTTP-Host-Override": evil},
		{"Origin": "https://" + evil, "Referer": "https://" + evil + "/"},
		{"Host": evil},
		{"Host": public + ":443@" + evil},
		{"Host": public + "." + evil},
		{"Host": evil + "/" + public},
		{"Host": public + ":8443"},
		{"Host": strings.ToUpper(public)},
		{"Host": public + "."},
	}
	mailed := 0
	for _, forged := range forgeries {
		address := newAddress()
		b := browse(t).Via(forging{p.base, forged})
		c := client{app: at.app, tenant: at}
		page := b.Get(c.request().url)
		if strings.Contains(page.Body, evil) || strings.Contains(fmt.Sprint(page.Header), evil) {
			t.Errorf("%v is echoed", forged)
		}
		metadata := b.Get(at.base + "/.well-known/openid-configuration")
		if metadata.Status == http.StatusOK && (strings.Contains(metadata.Body, evil) || !strings.Contains(metadata.Body, `"issuer":"`+at.base+`"`)) {
			t.Errorf("%v: %s", forged, metadata.Body)
		}
		if page.Status != http.StatusOK {
			if page.Status != http.StatusMisdirectedRequest && page.Status != http.StatusBadRequest {
				t.Errorf("%v: status %d", forged, page.Status)
			}
			continue
		}
		form := page.FormTo(t, "/auth/login")
		b.Submit(page, form, nil, url.Values{"email": {address}})
		mailed++
		harness.Eventually(t, "a mail", func() bool { return len(sink.Mails(address)) == 1 })
		m := sink.Mails(address)[0]
		if !strings.HasPrefix(m.Link, at.base+"/auth/verify?token=") || strings.Contains(string(m.Data), evil) {
			t.Errorf("%v: the mail's link is %s…", forged, m.Link[:min(40, len(m.Link))])
		}
	}
	if mailed < 5 {
		t.Errorf("only %d of the forgeries got as far as a mail", mailed)
	}
}

// forging sends requests for a public name to where it is served, with headers of
// the attacker's.
type forging struct {
	to     string
	header map[string]string
}

// RoundTrip implements http.RoundTripper.
func (f forging) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := r.Clone(r.Context())
	sent.Host = r.URL.Host
	sent.URL.Scheme, sent.URL.Host = "http", strings.TrimPrefix(f.to, "http://")
	for name, value := range f.header {
		if name == "Host" {
			sent.Host = value
			continue
		}
		sent.Header.Set(name, value)
	}
	return direct.RoundTrip(sent)
}
