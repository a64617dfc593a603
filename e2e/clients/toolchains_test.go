//go:build toolchains

package clients_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// tool finds a program, also where users' paths do not lead.
func tool(t *testing.T, name, from string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Fatalf("%s is needed: %s", name, from)
	return ""
}

// shop is an app at https://shop.example.com, as the pages have it, whose front
// is a server of this machine.
type shop struct {
	t      *testing.T
	dir    string // with cert.pem and key.pem for the name
	front  string
	client client
}

func newShop(t *testing.T, page string) shop {
	t.Helper()
	dir, err := os.MkdirTemp("", "shop-") //nolint:usetesting // Apache gives up root, and could not read the test's own
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := shop{t: t, dir: dir, front: strings.TrimPrefix(freeOrigin(t), "http://"), client: register(t, page, app)}
	harness.WriteCertificate(t, s.dir, "shop.example.com")
	return s
}

// configured writes a file of the pages with this shop's values in place of the
// example's, and further ones, and gives its path and text.
func (s shop) configured(file string, more ...string) string {
	s.t.Helper()
	text := strings.NewReplacer(append([]string{
		"CLIENT_ID", s.client.ID, "CLIENT_SECRET", s.client.Secret, "https://login.example.com/t/acme", shared.Issuer,
		"login.example.com", strings.TrimPrefix(shared.URL, "http://"),
	}, more...)...).Replace(string(readFile(s.t, file)))
	return s.write(filepath.Base(file), text)
}

func (s shop) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// person has a browser that finds the shop.
func (s shop) person() person {
	p := newPerson(s.t)
	p.browser.Via(&http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the front is this test's
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasPrefix(address, "shop.example.com:") { // also where a server names its own port
				address = s.front
			}
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, address)
		},
	})
	return p
}

// run starts a server of the shop and waits until it listens.
func (s shop) run(address, name string, args ...string) {
	s.t.Helper()
	startWith(s.t, s.dir, nil, name, args...).listensAt("http://" + address)
}

// nginx asks oauth2-proxy about each request.
func TestOAuth2ProxyBehindNginx(t *testing.T) {
	t.Parallel()
	s := newShop(t, "oauth2-proxy")
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s is %s", r.Header.Get("X-User"), r.Header.Get("X-Email"))
	}))
	t.Cleanup(upstream.Close)
	behind := strings.TrimPrefix(freeOrigin(t), "http://")
	s.run(behind, oauth2Proxy(t), "--config", s.configured("oauth2-proxy/oauth2-proxy.cfg", "COOKIE_SECRET", rand.Text()[:16], "127.0.0.1:4180", behind))
	site := s.configured("oauth2-proxy/nginx.conf",
		"listen 443 ssl", "listen "+s.front+" ssl", "/etc/ssl/shop.example.com/fullchain.pem", s.dir+"/cert.pem",
		"/etc/ssl/shop.example.com/privkey.pem", s.dir+"/key.pem", "127.0.0.1:4180", behind, "http://127.0.0.1:8081", upstream.URL)
	s.run(s.front, tool(t, "nginx", "apt-get install nginx-light"), "-e", "stderr", "-p", s.dir, "-c", s.write("whole.conf", fmt.Sprintf(
		"daemon off;\nmaster_process off;\npid %s/nginx.pid;\nevents {}\nhttp {\nabsolute_redirect off;\naccess_log off;\ninclude %s;\n}\n", s.dir, site)))
	p := s.person()
	page := p.signIn(app + "/orders?of=today")
	if !strings.HasSuffix(page.Body, " is "+p.address) || page.URL.RequestURI() != "/orders?of=today" {
		t.Errorf("at %s: %s", page.URL, page.Body)
	}
	end := shared.Issuer + "/end_session?" + url.Values{"client_id": {s.client.ID}, "post_logout_redirect_uri": {app + "/"}}.Encode()
	page = p.browser.Get(app + "/oauth2/sign_out?rd=" + url.QueryEscape(end))
	form := page.FormTo(t, "/end_session")
	if page = p.browser.Submit(page, form, goOn(form), nil); !p.signedOut() || !strings.HasSuffix(page.URL.Path, "/auth/login") {
		t.Errorf("after signing out: status %d at %s", page.Status, page.URL.Redacted())
	}
}

// oauth2Proxy builds the module that its file names.
func oauth2Proxy(t *testing.T) string {
	t.Helper()
	file := "oauth2-proxy/module"
	dir := harness.Cached(t, "oauth2-proxy", []string{file}, func(dir string) {
		harness.Install(t, dir, "env", "GOBIN="+dir, "go", "install", strings.TrimSpace(string(readFile(t, file))))
	})
	return filepath.Join(dir, "oauth2-proxy")
}

// Apache's module signs in, refreshes, signs out, and hears of the end of a session.
func TestModAuthOpenIDC(t *testing.T) {
	t.Parallel()
	s := newShop(t, "mod_auth_openidc")
	plain := strings.TrimPrefix(freeOrigin(t), "http://") // the provider knows nothing of the shop's certificate
	shared.Run(t, "client", "set", "--tenant", "demo", s.client.ID, "backchannel_logout_uri=http://"+plain+"/oidc?logout=backchannel")
	site := s.configured("apache/shop.conf", "PASSPHRASE", rand.Text(), "BeforeExpiry 60", "BeforeExpiry 3600") // at each request
	s.write("index.shtml", strings.Join([]string{
		echo("OIDC_CLAIM_iss"), echo("REMOTE_USER"), echo("OIDC_CLAIM_sub"), echo("OIDC_CLAIM_email"), echo("OIDC_CLAIM_email_verified"), echo("OIDC_access_token"),
	}, " "))
	s.write("bye", "signed out")
	s.run(s.front, tool(t, "apache2", "apt-get install apache2-bin libapache2-mod-auth-openidc"),
		"-X", "-d", s.dir, "-f", s.write("whole.conf", apache(s, plain, site)))
	p := s.person()
	first := strings.Fields(p.signIn(app + "/").Body)
	if len(first) != 6 || first[0] != shared.Issuer || first[1] != first[2] || first[3] != p.address || first[4] != "1" {
		t.Errorf("signed in as %q", first)
	}
	if again := strings.Fields(p.browser.Get(app + "/").Body); len(again) != 6 || again[1] != first[1] || again[5] == first[5] {
		t.Errorf("after a refresh %q, was %q", again, first)
	}
	if page := p.browser.Get(app + "/oidc?logout=" + url.QueryEscape(app+"/bye")); page.Body != "signed out" || !p.signedOut() {
		t.Errorf("after signing out: status %d at %s: %s", page.Status, page.URL.Redacted(), page.Body)
	}
	p.mails++
	p.signIn(app + "/")
	shared.Run(t, "user", "sign-out", "--tenant", "demo", p.address)
	harness.Eventually(t, "Apache to hear of the end", func() bool {
		return strings.Contains(p.browser.Get(app+"/").Body, "/auth/login")
	})
}

// echo is a variable in a page of Apache's.
func echo(name string) string { return fmt.Sprintf(`<!--#echo var="%s" -->`, name) }

// apache is a server of the shop's front, and of a plain one, around what the page says.
func apache(s shop, plain, site string) string {
	load := ""
	for _, name := range []string{
		"mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "dir", "ssl", "env", "include", "mime",
	} {
		load += fmt.Sprintf("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", name, name)
	}
	return fmt.Sprintf(`%[4]s
ServerName shop.example.com
PidFile %[1]s/apache.pid
DefaultRuntimeDir %[1]s
ErrorLog /dev/stderr
User www-data
Group www-data
Listen %[2]s
Listen %[3]s
DocumentRoot %[1]s
DirectoryIndex index.shtml
TypesConfig /dev/null
AddOutputFilter INCLUDES .shtml
<Directory %[1]s>
Options +Includes
</Directory>
Include %[5]s
<VirtualHost %[2]s>
ServerName shop.example.com
SSLEngine on
SSLCertificateFile %[1]s/cert.pem
SSLCertificateKeyFile %[1]s/key.pem
</VirtualHost>
`, s.dir, s.front, plain, load, site)
}

// OmniAuth's strategy, as Debian has it.
func TestOmniAuthOpenIDConnect(t *testing.T) {
	t.Parallel()
	origin := freeOrigin(t)
	p := webApp(t, register(t, "omniauth_openid_connect", origin), origin, func(settings map[string]any) *program {
		return start(t, "ruby", settings, tool(t, "ruby", "apt-get install ruby-omniauth-openid-connect ruby-webrick"), "omniauth.rb")
	})
	page := p.browser.Get(origin + "/auth/postern/logout")
	form := page.FormTo(t, "/end_session")
	if page = p.browser.Submit(page, form, goOn(form), nil); page.Status != http.StatusOK || !p.signedOut() {
		t.Errorf("after signing out: status %d at %s", page.Status, page.URL.Redacted())
	}
}

// Spring Security signs in, out, and hears of the end of a session.
func TestSpringSecurity(t *testing.T) {
	t.Parallel()
	files := filesOf(t, "spring")
	dir := harness.Cached(t, "spring", files, func(dir string) {
		if err := os.CopyFS(dir, os.DirFS("spring")); err != nil {
			t.Fatal(err)
		}
		harness.Install(t, dir, tool(t, "mvn", "apt-get install maven openjdk-17-jdk-headless"), "-B", "-q", "package")
	})
	origin := freeOrigin(t)
	registered := register(t, "spring-security", origin)
	_, port, _ := strings.Cut(strings.TrimPrefix(origin, "http://"), ":")
	shop := startWith(t, dir, []string{
		"ISSUER=" + shared.Issuer, "CLIENT_ID=" + registered.ID, "CLIENT_SECRET=" + registered.Secret, "PORT=" + port,
	}, tool(t, "java", "apt-get install openjdk-17-jre-headless"), "-jar", "target/shop.jar")
	shop.expect("ready")
	p := newPerson(t)
	readReport(t, p.signIn(origin+"/")).check(t, p)
	leave := p.browser.Get(origin + "/logout")
	page := p.browser.Submit(leave, leave.FormTo(t, "/logout"), nil, nil)
	if !strings.Contains(page.Body, "signedOut") || !p.signedOut() {
		t.Errorf("after signing out: status %d at %s: %s", page.Status, page.URL.Redacted(), page.Body)
	}
	p.mails++
	p.signIn(origin + "/")
	shared.Run(t, "user", "sign-out", "--tenant", "demo", p.address)
	harness.Eventually(t, "the app to hear of the end", func() bool {
		return strings.Contains(p.browser.Get(origin+"/").Body, "/auth/login")
	})
}

// The crate openidconnect signs in and refreshes.
func TestOpenIDConnectCrate(t *testing.T) {
	t.Parallel()
	dir := harness.Cached(t, "rust", filesOf(t, "rust"), func(dir string) {
		if err := os.CopyFS(dir, os.DirFS("rust")); err != nil {
			t.Fatal(err)
		}
		harness.Install(t, dir, tool(t, "cargo", "Rust 1.90 or later"), "build", "--quiet", "--locked")
	})
	registered := register(t, "openidconnect", "http://127.0.0.1:9")
	p := newPerson(t)
	program := start(t, dir, map[string]any{
		"issuer": shared.Issuer, "clientId": registered.ID, "secret": registered.Secret, "redirectUri": callback,
	}, filepath.Join(dir, "target", "debug", "shop"))
	program.say(p.signIn(program.expect("open")).URL.String())
	var found report
	program.result(&found)
	found.check(t, p)
}

// filesOf are the files below a folder.
func filesOf(t *testing.T, folder string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
