package production_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// callsHost is where clients are asked for certificates.
const callsHost = "mtls.login.example.com"

// shown is a client certificate of the authority, with a DNS name.
func (a authority) shown(t *testing.T, name string) tls.Certificate {
	t.Helper()
	*a.serial++
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(*a.serial), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// caller connects to a process by a name, with certificates; asked tells whether
// it was asked for one.
func (w *world) caller(p *process, asked *bool, certs ...tls.Certificate) *http.Client {
	config := w.authority.client()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		*asked = true
		if len(certs) == 0 {
			return &tls.Certificate{}, nil
		}
		return &certs[0], nil
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: config, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.address)
		},
	}}
}

func post(t *testing.T, c *http.Client, address string, form url.Values) (status int, said map[string]any) {
	t.Helper()
	answer, err := c.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(body, &said) // a page says nothing
	return answer.StatusCode, said
}

// Our own TLS asks for certificates at the origin that is for them, and binds
// tokens to what it is shown. A header says nothing there.
func TestACertificateOfOurOwnTLSProvesAClientAndBindsItsTokens(t *testing.T) {
	t.Parallel()
	w := onSQLite(t)
	w.authority.issue(t, w.dir, host, callsHost)
	cas := filepath.Join(w.dir, "client-ca.pem")
	if err := os.WriteFile(cas, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.authority.certificate.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run("api", "create", "--tenant", "acme", "--scope", "greet", "https://api.example")
	w.run("client", "create", "--tenant", "acme", "--name", "Machine", "--id", "machine", "--grant", "client_credentials",
		"--scope", "greet", "--default-resource", "https://api.example",
		"--auth-method", "tls_client_auth", "--tls-san-dns", "machine.example", "--tls-bound")
	p := w.start("--mtls-url", "https://"+callsHost, "--client-ca", cas)
	cert := w.authority.shown(t, "machine.example")
	calls, form := "https://"+callsHost+"/t/acme", url.Values{"grant_type": {"client_credentials"}, "client_id": {"machine"}}
	var asked bool
	status, said := post(t, w.caller(p, &asked, cert), calls+"/token", form)
	token, _ := said["access_token"].(string)
	if !asked || status != http.StatusOK || token == "" {
		t.Fatalf("asked %v, %d %v", asked, status, said)
	}
	sum := sha256.Sum256(cert.Certificate[0])
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil || !strings.Contains(string(payload), `"cnf":{"x5t#S256":"`+base64.RawURLEncoding.EncodeToString(sum[:])+`"}`) {
		t.Errorf("%s %v", payload, err)
	}
	for name, c := range map[string]*http.Client{
		"no certificate": w.caller(p, &asked), "another's": w.caller(p, &asked, w.authority.shown(t, "other.example")),
		"of another authority": w.caller(p, &asked, newAuthority(t).shown(t, "machine.example")),
	} {
		if status, said := post(t, c, calls+"/token", form); status != http.StatusUnauthorized || said["error"] != "invalid_client" {
			t.Errorf("%s: %d %v", name, status, said)
		}
	}
	asked = false
	if status, _ := post(t, w.caller(p, &asked, cert), issuer+"/token", form); asked || status != http.StatusUnauthorized {
		t.Errorf("at the issuer's own origin: asked %v, %d", asked, status)
	}
	for path, want := range map[string]int{"/authorize": 404, "/auth/login": 404, "/register": 404, "/userinfo": 401} {
		answer, err := w.caller(p, &asked, cert).Get(calls + path)
		if err != nil || answer.StatusCode != want {
			t.Errorf("%s: %s, want %d: %v", path, answer.Status, want, err)
		}
	}
}
