package harness

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Postfix is a mail server of the test's own. It keeps what it gets for
// example.com: from anyone on loopback at Port, and only from who logs in over
// TLS at Submission (STARTTLS) and SMTPS (TLS from the start).
type Postfix struct {
	Port, Submission, SMTPS int
	// Certificate is a file that its clients have to trust.
	Certificate string
	t           *testing.T
	dir         string
}

// Who may log in, by any mechanism that Cyrus SASL has.
const (
	PostfixUser     = "login@acme.example"
	PostfixPassword = "pencil, two"
)

const postfixPath = "/usr/sbin/postfix"

const masterConf = `127.0.0.1:%[1]d inet n - n - - smtpd
127.0.0.1:%[2]d inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
127.0.0.1:%[3]d inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
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
smtpd_tls_cert_file = %[1]s/cert.pem
smtpd_tls_key_file = %[1]s/key.pem
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 1
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
smtpd_sasl_security_options = noanonymous
cyrus_sasl_config_path = %[1]s/sasl
smtpd_client_auth_rate_limit = 0
virtual_mailbox_domains = example.com
virtual_mailbox_base = %[1]s
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:%[2]s
virtual_gid_maps = static:%[3]s
virtual_minimum_uid = 1
`

const saslConf = `pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: %s/sasldb2
mech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5 NTLM SCRAM-SHA-1 SCRAM-SHA-256
`

// StartPostfix needs root, as Postfix does; a machine without it, or without
// Cyrus SASL's tools, fails the test.
func StartPostfix(t *testing.T) *Postfix {
	t.Helper()
	for path, pack := range map[string]string{postfixPath: "postfix", "/usr/sbin/saslpasswd2": "sasl2-bin libsasl2-modules"} {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("this test needs %s (apt-get install %s): %v", path, pack, err)
		}
	}
	account, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	// Not in t.TempDir: its name is too long for the sockets in the queue.
	dir, err := os.MkdirTemp("", "mx-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &Postfix{t: t, dir: dir, Certificate: filepath.Join(dir, "cert.pem")}
	for _, port := range []*int{&p.Port, &p.Submission, &p.SMTPS} {
		if *port, err = FreePort(); err != nil {
			t.Fatal(err)
		}
	}
	p.configure(account)
	p.run(postfixPath, "-c", dir, "start")
	t.Cleanup(func() {
		p.run(postfixPath, "-c", dir, "stop")
		if t.Failed() {
			t.Log(p.Log())
		}
	})
	Eventually(t, "Postfix", func() bool {
		conn, err := net.Dial("tcp", p.Address())
		return err == nil && conn.Close() == nil
	})
	return p
}

func (p *Postfix) configure(account *user.User) {
	p.t.Helper()
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chmod(p.dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	for _, sub := range []string{"queue", "sasl", "state", "inbox"} {
		if err := os.Mkdir(filepath.Join(p.dir, sub), 0o755); err != nil {
			p.t.Fatal(err)
		}
	}
	WriteCertificate(p.t, p.dir)
	p.write("master.cf", fmt.Sprintf(masterConf, p.Port, p.Submission, p.SMTPS))
	p.write("main.cf", fmt.Sprintf(mainConf, p.dir, account.Uid, account.Gid))
	p.write("sasl/smtpd.conf", fmt.Sprintf(saslConf, p.dir))
	p.AddUser(PostfixUser, PostfixPassword)
	for _, name := range []string{"state", "inbox", "sasldb2"} {
		if err := os.Chown(filepath.Join(p.dir, name), uid, -1); err != nil {
			p.t.Fatal(err)
		}
	}
}

// AddUser lets an address log in, or gives it another password.
func (p *Postfix) AddUser(address, password string) {
	p.t.Helper()
	name, realm, _ := strings.Cut(address, "@")
	cmd := exec.CommandContext(p.t.Context(), "/usr/sbin/saslpasswd2", "-p", "-c", "-u", realm, "-f", filepath.Join(p.dir, "sasldb2"), name)
	cmd.Stdin = strings.NewReader(password)
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("saslpasswd2: %v\n%s", err, out)
	}
}

func (p *Postfix) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *Postfix) run(command string, args ...string) {
	p.t.Helper()
	if out, err := exec.Command(command, args...).CombinedOutput(); err != nil {
		p.t.Errorf("%s %q: %v\n%s\n%s", command, args, err, out, p.Log())
	}
}

// Log is what Postfix has to say, or nothing.
func (p *Postfix) Log() string {
	text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return string(text)
}

// Address is where it takes mails from anyone on loopback.
func (p *Postfix) Address() string { return fmt.Sprintf("127.0.0.1:%d", p.Port) }

// WaitMail waits for mails to an address, or to anyone, and gives all of them.
func (p *Postfix) WaitMail(to string) (found []string) {
	p.t.Helper()
	Eventually(p.t, "the mail in the maildir", func() bool {
		found = p.Mails(to)
		return len(found) > 0
	})
	return found
}

// Mails gives those to an address, or all with an empty one, that have arrived.
func (p *Postfix) Mails(to string) (found []string) {
	p.t.Helper()
	names, _ := filepath.Glob(filepath.Join(p.dir, "inbox", "new", "*"))
	slices.Sort(names)
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			p.t.Fatal(err)
		}
		if to == "" || bytes.Contains(raw, []byte("Delivered-To: "+to+"\n")) {
			found = append(found, string(raw))
		}
	}
	return found
}
