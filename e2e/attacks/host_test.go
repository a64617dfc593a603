package attacks_test

import (
	"crypto/rand"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

func TestHostsThatAreForgedOrUnknown(t *testing.T) {
	t.Parallel()
	const evil = "evil.example"
	host, dir := strings.ToLower(rand.Text())+".example", newFolder(t)
	for _, args := range [][]string{{"path"}, {"own", "--host", host}, {"rooty", "--root"}} {
		command := append([]string{"tenant", "create", "--name", "Test", "--data", dir}, args...)
		if out, err := exec.CommandContext(t.Context(), binary, command...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	at := serve(t, dir).base
	path, root := tenant{base: at + "/t/path", host: public}, tenant{base: at, host: public}
	own, nobody := tenant{base: at, host: host}, tenant{base: at + "/t/nobody", host: public}
	there := tenant{base: at + "/t/path", host: evil}
	forwarded := map[string]string{
		"X-Forwarded-Host": evil, "X-Forwarded-Proto": "gopher", "X-Forwarded-For": "203.0.113.9", "Forwarded": "host=" + evil,
	}
	const discovery = "/.well-known/openid-configuration"
	for _, c := range []struct {
		name   string
		at     tenant
		header map[string]string
		status int
		issuer string
	}{
		{"a tenant at its path", path, nil, http.StatusOK, "https://" + public + "/t/path"},
		{"a tenant at its path, under a forged forwarded host", path, forwarded, http.StatusOK, "https://" + public + "/t/path"},
		{"a tenant at its host", own, nil, http.StatusOK, "https://" + host},
		{"a tenant at its host, under a forged forwarded host", own, forwarded, http.StatusOK, "https://" + host},
		{"a tenant with a host, by its path", tenant{base: at + "/t/own", host: public}, nil, http.StatusNotFound, ""},
		{"a path tenant under the host of another", tenant{base: path.base, host: host}, nil, http.StatusMisdirectedRequest, ""},
		{"the tenant at the root", root, forwarded, http.StatusOK, "https://" + public},
		{"an unknown host", there, nil, http.StatusMisdirectedRequest, ""},
		{"an unknown tenant", nobody, nil, http.StatusNotFound, ""},
	} {
		got, text := c.at.send(t, attempt{method: http.MethodGet, path: discovery, header: c.header})
		if got.Status != c.status {
			t.Errorf("%s: status %d, want %d", c.name, got.Status, c.status)
		}
		if c.issuer != "" && !strings.Contains(text, `"issuer":"`+c.issuer+`"`) {
			t.Errorf("%s: not the issuer %s: %s", c.name, c.issuer, text)
		}
		if strings.Contains(text, evil) || strings.Contains(text, "gopher") {
			t.Errorf("%s: the forged host is echoed: %s", c.name, text)
		}
	}
}
