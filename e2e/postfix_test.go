package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// postfix is a mail server of the test's own, that keeps what it gets.
type postfix struct {
	t    *testing.T
	dir  string
	port int
}

const postfixPath = "/usr/sbin/postfix"

const masterConf = `127.0.0.1:%d inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
proxymap unix - - n - - proxymap
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
error unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`

const mainConf = `compatibility_level = 3.6
myhostname = mx.example.com
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
queue_directory = %[1]s/queue
data_directory = %[1]s/state
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_tls_security_level = none
virtual_mailbox_domains = example.com
virtual_mailbox_base = %[1]s
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:%[2]s
virtual_gid_maps = static:%[3]s
virtual_minimum_uid = 1
`

// startPostfix needs root, as Postfix does; a machine without it fails the test.
func startPostfix(t *testing.T) *postfix {
	t.Helper()
	if _, err := os.Stat(postfixPath); err != nil {
		t.Fatalf("this test needs Postfix (apt-get install postfix): %v", err)
	}
	account, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	// Not in t.TempDir: its name is too long for the sockets in the queue.
	dir, err := os.MkdirTemp("", "mx-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &postfix{t: t, dir: dir, port: port}
	p.write("master.cf", fmt.Sprintf(masterConf, port))
	p.write("main.cf", fmt.Sprintf(mainConf, dir, account.Uid, account.Gid))
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"queue", "state", "inbox"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, sub := range []string{"state", "inbox"} {
		if err := os.Chown(filepath.Join(dir, sub), uid, -1); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p.run("start")
	t.Cleanup(func() {
		p.run("stop")
		if t.Failed() {
			t.Log(p.log())
		}
	})
	harness.Eventually(t, "Postfix", func() bool {
		conn, err := net.Dial("tcp", p.address())
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	return p
}

func (p *postfix) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *postfix) run(command string) {
	p.t.Helper()
	out, err := exec.Command(postfixPath, "-c", p.dir, command).CombinedOutput()
	if err != nil {
		p.t.Errorf("postfix %s: %v\n%s\n%s", command, err, out, p.log())
	}
}

// log is what Postfix has to say, or nothing.
func (p *postfix) log() string {
	text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return string(text)
}

func (p *postfix) address() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

// wait gives the one mail that was delivered.
func (p *postfix) wait() *mail.Message {
	p.t.Helper()
	var found []string
	harness.Eventually(p.t, "the mail in the maildir", func() bool {
		found, _ = filepath.Glob(filepath.Join(p.dir, "inbox", "new", "*"))
		return len(found) > 0
	})
	if len(found) != 1 {
		p.t.Errorf("%d mails were delivered", len(found))
	}
	raw, err := os.ReadFile(found[0])
	if err != nil {
		p.t.Fatal(err)
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		p.t.Fatalf("%v:\n%s", err, raw)
	}
	return m
}

func TestMailOverPostfixParsesAndItsLinkSignsIn(t *testing.T) {
	t.Parallel()
	mx := startPostfix(t)
	s := harness.StartFor(t, binary, "--smtp", "smtp://"+mx.address())
	l := begin(t, newClient(t, s), newBrowser(t), newAddress())
	message := mx.wait()
	if to, err := message.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != l.address {
		t.Errorf("To: %v, %v", to, err)
	}
	if got := message.Header.Get("Delivered-To"); got != l.address {
		t.Errorf("Delivered-To: %q", got)
	}
	if _, err := message.Header.Date(); err != nil {
		t.Error(err)
	}
	if got := message.Header.Get("Auto-Submitted"); got != "auto-generated" {
		t.Errorf("Auto-Submitted: %q", got)
	}
	if id := message.Header.Get("Message-Id"); !strings.HasPrefix(id, "<") || !strings.Contains(id, "@") {
		t.Errorf("Message-ID: %q", id)
	}
	parts := readParts(t, message)
	for _, kind := range []string{"text/plain", "text/html"} {
		if got := strings.Count(parts[kind], "/auth/verify?token="); got < 1 || got > 2 {
			t.Errorf("%s holds the link %d times:\n%s", kind, got, parts[kind])
		}
	}
	link := onlyLink(t, parts["text/plain"])
	if !strings.HasPrefix(link, s.Issuer+"/auth/verify?token=") {
		t.Errorf("link: %s", link)
	}
	l.finish(l.openLink(link))
}

// onlyLink gives the one web address of a text.
func onlyLink(t *testing.T, text string) string {
	t.Helper()
	links := map[string]bool{}
	for _, word := range strings.Fields(text) {
		if strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://") {
			links[word] = true
		}
	}
	if len(links) != 1 {
		t.Fatalf("%d links in:\n%s", len(links), text)
	}
	for link := range links {
		return link
	}
	return ""
}

// readParts decodes a multipart/alternative mail.
func readParts(t *testing.T, m *mail.Message) map[string]string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type %q: %v", m.Header.Get("Content-Type"), err)
	}
	parts, reader := map[string]string{}, multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = part
		if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
			body = quotedprintable.NewReader(part)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		parts[kind] = string(text)
	}
}
