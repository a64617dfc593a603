package attacks_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// outside is an address of the open internet. In the test's own network it is on
// the loopback, so nothing is sent anywhere.
const outside = "93.184.216.34"

// Threat 25: names of an app that lead to the open internet when they are first
// asked for, and inside from then on. The process has a network and a resolver of
// its own, which takes root on Linux.
func TestNamesOfAnAppThatRebindLeadNowhere(t *testing.T) {
	t.Parallel()
	names := enterNetwork(t)
	openly, inside := counting(t, outside), counting(t, "127.0.0.1")
	dir := newFolder(t)
	command(t, dir, "tenant", "create", "own", "--name", "Own")
	command(t, dir, "tenant", "set", "own", "registration=token", "limit.attempt=100000/1m")
	var initial struct {
		Token string `json:"initial_access_token"`
	}
	decode(t, command(t, dir, "client", "token", "--tenant", "own", "--uses", "100"), &initial)
	to := here{t, strings.TrimPrefix(serve(t, dir).base, "http://")}
	kinds := []string{"sector_identifier_uri", "jwks_uri", "request_uris", "logo_uri"}
	for _, kind := range kinds {
		for try := range 3 {
			uri := fmt.Sprintf("https://%s.rebind.example:8443/%d", strings.ReplaceAll(kind, "_", "-"), try)
			metadata := map[string]any{"redirect_uris": []string{callback}, kind: uri}
			switch kind {
			case "sector_identifier_uri":
				metadata["subject_type"] = "pairwise"
			case "jwks_uri":
				metadata["token_endpoint_auth_method"] = "private_key_jwt"
			case "request_uris":
				metadata[kind] = []string{uri}
			}
			to.useAll(kind, uri, initial.Token, metadata)
		}
	}
	if n := inside.Load(); n != 0 {
		t.Errorf("%d connections to the inside", n)
	}
	if openly.Load() < int64(len(kinds)) {
		t.Errorf("%d connections to where the names led at first", openly.Load())
	}
	for _, kind := range kinds {
		if n := names.count(strings.ReplaceAll(kind, "_", "-") + ".rebind.example."); n < 2 {
			t.Errorf("the name of %s was asked for %d times", kind, n)
		}
	}
}

// useAll registers a client and has the provider fetch what it names.
func (h here) useAll(kind, uri, token string, metadata map[string]any) {
	h.t.Helper()
	body, err := json.Marshal(metadata)
	if err != nil {
		h.t.Fatal(err)
	}
	status, text := h.send(http.MethodPost, "/register", string(body), "application/json", token)
	if kind == "sector_identifier_uri" {
		if status != http.StatusBadRequest {
			h.t.Errorf("a sector at %s: %d %s", uri, status, text)
		}
		return
	}
	if status != http.StatusCreated {
		h.t.Fatalf("%s: %d %s", kind, status, text)
	}
	c := client{tenant: tenant{base: "https://" + public + "/t/own"}}
	decode(h.t, []byte(text), &c.app)
	if kind == "logo_uri" { // fetched when the client registered; what was not had is no reason to refuse it
		if status, text := h.send(http.MethodGet, "/auth/logo/"+c.ID, "", "", ""); status != http.StatusNotFound {
			h.t.Errorf("a logo at %s: %d %s", uri, status, text)
		}
		return
	}
	if kind == "request_uris" {
		values := authorizeValues(c.app)
		values.Set("request_uri", uri)
		if status, text := h.send(http.MethodGet, "/authorize?"+values.Encode(), "", "", ""); status == http.StatusOK {
			h.t.Errorf("a request at %s: %d %s", uri, status, text)
		}
		return
	}
	form := url.Values{
		"token": {"x"}, "client_assertion": {newSigner(h.t).sign(h.t, assertionClaims(c, "rebind"), nil)},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
	if status, text := h.send(http.MethodPost, "/introspect", form.Encode(), "application/x-www-form-urlencoded", ""); status != http.StatusUnauthorized {
		h.t.Errorf("an assertion under keys at %s: %d %s", uri, status, text)
	}
}

// here speaks to a process from the test's own thread, which alone is in its network.
type here struct {
	t       *testing.T
	address string
}

func (h here) send(method, path, body, kind, token string) (status int, text string) {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	r, err := http.NewRequestWithContext(h.t.Context(), method, "http://"+public+"/t/own"+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Close = true
	if err := r.Write(conn); err != nil {
		h.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// enterNetwork gives the test's thread, and what it starts, a network of their own
// with a loopback, and a nameserver. The thread ends with the test.
func enterNetwork(t *testing.T) *rebinding {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root: it gives a process a network and a resolver of its own")
	}
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET | syscall.CLONE_NEWNS); err != nil {
		t.Fatalf("no network of its own: %v", err)
	}
	config := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(config, []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(config, "/etc/resolv.conf", "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"link", "set", "lo", "up"}, {"address", "add", outside + "/32", "dev", "lo"}} {
		if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v (apt-get install iproute2): %v\n%s", args, err, out)
		}
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r := &rebinding{PacketConn: conn, asked: map[string]int{}}
	go r.serve()
	return r
}

// counting counts who connects to port 8443 of an address.
func counting(t *testing.T, host string) *atomic.Int64 {
	t.Helper()
	l, err := net.Listen("tcp", host+":8443")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	calls := new(atomic.Int64)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			conn.Close()
		}
	}()
	return calls
}

// rebinding answers for every name: the first time with outside, then with the inside.
type rebinding struct {
	net.PacketConn
	mu    sync.Mutex
	asked map[string]int
}

func (r *rebinding) count(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[name]
}

func (r *rebinding) serve() {
	buffer := make([]byte, 512)
	for {
		n, from, err := r.ReadFrom(buffer)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		m.Response, m.Additionals = true, nil
		if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, // no time to live
				Body:   &dnsmessage.AResource{A: r.answer(q.Name.String())},
			}}
		}
		if packed, err := m.Pack(); err == nil {
			_, _ = r.WriteTo(packed, from)
		}
	}
}

func (r *rebinding) answer(name string) [4]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[name]++
	if r.asked[name] == 1 {
		return [4]byte(net.ParseIP(outside).To4())
	}
	return [4]byte{127, 0, 0, 1}
}
