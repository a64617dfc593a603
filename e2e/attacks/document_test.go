package attacks_test

import (
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"sync/atomic"
	"testing"
)

// A client's id that is a URL makes nobody connect to a network of ours, but for
// one that the operator allows.
func TestAClientIDThatPointsInside(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	inside, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inside.Close() })
	go func() {
		for {
			conn, err := inside.Accept()
			if err != nil {
				return
			}
			reached.Add(1)
			conn.Close()
		}
	}()
	dir := newFolder(t)
	for _, args := range [][]string{{"create", "acme", "--name", "Acme"}, {"set", "acme", "client_documents=on"}} {
		command := append([]string{"tenant", "--data", dir}, args...)
		if out, err := exec.CommandContext(t.Context(), binary, command...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	production := tenant{base: serve(t, dir).base + "/t/acme", host: public}
	allowed := tenant{base: serve(t, dir, "--outgoing-allow", "127.0.0.0/8").base + "/t/acme", host: public}
	elsewhere := tenant{base: serve(t, dir, "--outgoing-allow", "10.0.0.0/8").base + "/t/acme", host: public}
	for name, host := range map[string]string{"loopback": "127.0.0.1", "by name": "localhost", "mapped": "[::ffff:127.0.0.1]"} {
		_, port, _ := net.SplitHostPort(inside.Addr().String())
		attempt := attempt{method: http.MethodGet, path: "/authorize", values: url.Values{
			"client_id": {"https://" + host + ":" + port + "/client"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"},
		}}
		before := reached.Load()
		for _, to := range []tenant{production, elsewhere} {
			if got, text := to.send(t, attempt); got.Status != http.StatusBadRequest || reached.Load() != before {
				t.Errorf("%s: %d, reached %d times: %s", name, got.Status, reached.Load()-before, text)
			}
		}
		if allowed.send(t, attempt); reached.Load() == before {
			t.Errorf("%s: not reached where it is allowed either: this test cannot fail", name)
		}
	}
}
