package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"postern/config"
	"postern/doctor"
	"postern/idp"
	"postern/mail"
)

type doctorCmd struct {
	Tenant    string         `placeholder:"SLUG" help:"Only this tenant, beside the instance."`
	PublicURL string         `name:"public-url" placeholder:"URL" help:"Where browsers reach serve." group:"address"`
	TLSCert   string         `name:"tls-cert" placeholder:"FILE" help:"Certificate that serve serves https with." group:"address"`
	SMTP      string         `name:"smtp" placeholder:"URL" help:"Servers that serve is started with." group:"mail"`
	MailFrom  string         `name:"mail-from" placeholder:"ADDRESS" help:"Sender that serve is started with." group:"mail"`
	Proxies   []netip.Prefix `name:"trusted-proxy" placeholder:"CIDR" help:"Networks that serve trusts." group:"network"`
	DNS       string         `name:"dns" placeholder:"HOST:PORT" help:"Ask this DNS server rather than the system's." group:"network"`
	JSON      bool           `name:"json" help:"JSON on stdout."`
}

// lookTime is how long one look at something outside may take.
const lookTime = 10 * time.Second

// examination is what doctor knows and has found.
type examination struct {
	doctorCmd
	public   *url.URL // nil if it was not said
	from     idp.Address
	accounts []mail.Account // that serve is started with
	dns      doctor.Resolver
	client   *http.Client
	domains  []*doctor.Sender
	found    []doctor.Finding
}

// Run looks at everything, and fails if a check did. What it needs to know of
// serve comes from serve's own settings: the file, or the environment.
func (c doctorCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	e, err := c.prepare()
	if err != nil {
		return err
	}
	if err := e.inside(ctx, term, in); err != nil {
		return err
	}
	e.examine(ctx)
	if e.public != nil {
		e.add(doctor.Proxies(e.public, e.TLSCert != "", e.Proxies))
	}
	return e.report(term)
}

func (c doctorCmd) prepare() (*examination, error) {
	e := &examination{doctorCmd: c, dns: resolver(c.DNS)}
	var err error
	if c.PublicURL != "" {
		if e.public, err = config.ParsePublicURL(c.PublicURL); err != nil {
			return nil, usage("%w", err)
		}
	}
	if c.MailFrom != "" {
		if e.from, err = idp.ParseAddress(c.MailFrom); err != nil {
			return nil, usage("--mail-from: %w", err)
		}
	}
	if c.DNS != "" {
		if _, _, err := net.SplitHostPort(c.DNS); err != nil {
			return nil, usage("--dns %q: use HOST:PORT, such as 9.9.9.9:53", c.DNS)
		}
	}
	if e.accounts, err = mail.ParseAccounts(strings.Fields(c.SMTP), readSecret); err != nil {
		return nil, usage("--smtp: %w", err)
	}
	e.client = &http.Client{
		Timeout:       lookTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}},
	}
	return e, nil
}

// resolver asks one server, or those of the system.
func resolver(server string) doctor.Resolver {
	if server == "" {
		return net.DefaultResolver
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, server)
	}}
}

func (e *examination) add(found ...doctor.Finding) { e.found = append(e.found, found...) }

// inside opens the database, which checks its schema and the master key, and
// looks at all that it tells of. Without it there are the settings of serve.
func (e *examination) inside(ctx context.Context, term *terminal, in config.Instance) error {
	store, box, err := openSealed(ctx, in)
	e.add(opened(in.DatabaseURL(), err))
	if store == nil {
		e.greet(ctx, "serve", e.accounts)
		e.sends(e.from, e.accounts)
		return nil
	}
	before := term.clock()
	theirs, err := store.Clock(ctx)
	if err == nil {
		e.add(doctor.Clock(before, theirs, term.clock()))
		err = e.look(ctx, &mailDesk{store: store, box: box})
	}
	return errors.Join(err, store.Close())
}

func opened(database string, err error) doctor.Finding {
	f := doctor.Finding{
		Check: "database", About: kindOf(database), Status: doctor.OK,
		Says: "it answers, its schema is this version's, and the master key its own",
	}
	if err != nil {
		f.Status, f.Says = doctor.Fail, err.Error()
		f.Mend = "tenants and what the database keeps of mail are not looked at before"
	}
	return f
}

// kindOf names a database without what its URL may hold.
func kindOf(database string) string {
	if strings.HasPrefix(database, "sqlite:") {
		return "SQLite"
	}
	return "PostgreSQL"
}

// look looks at the instance's mail, and at tenants: their issuers, and how those
// send who have a say of their own.
func (e *examination) look(ctx context.Context, d *mailDesk) error {
	instance, err := d.setupOf(ctx, idp.Instance)
	if err != nil {
		return err
	}
	tenants, err := e.tenants(ctx, d)
	if err != nil {
		return err
	}
	shared := slices.Concat(instance.Accounts, e.accounts)
	e.greet(ctx, "the instance", shared)
	e.sends(e.from, shared, instance)
	for _, t := range tenants {
		if t.Settings.MailSetup == "" && t.Settings.Mail.Address == "" {
			continue
		}
		own, err := d.setupOf(ctx, t.ID)
		if err != nil {
			return err
		}
		e.greet(ctx, "tenant "+t.Slug, own.Accounts)
		e.sends(cmp.Or(t.Settings.Mail.Address, e.from), slices.Concat(own.Accounts, shared), own, instance)
	}
	e.issuers(ctx, tenants)
	return nil
}

// issuers fetches what apps fetch first. Tenants by path are served alike: one of
// them shows it, unless one was asked for.
func (e *examination) issuers(ctx context.Context, tenants []idp.Tenant) {
	looked := false
	for _, t := range tenants {
		if t.Host == "" && (e.public == nil || looked) {
			continue
		}
		looked = looked || t.Host == ""
		e.add(doctor.Issuer(ctx, e.client, t.Issuer(publicText(e.public))))
	}
}

func publicText(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.String()
}

func (e *examination) tenants(ctx context.Context, d *mailDesk) (all []idp.Tenant, err error) {
	if e.Tenant == "" {
		return d.store.ListTenants(ctx)
	}
	t, err := d.store.FindTenantBySlug(ctx, e.Tenant)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, fmt.Errorf("there is no tenant %q; `postern tenant list` shows them", e.Tenant)
	}
	return []idp.Tenant{t}, err
}

// greet greets mail servers and logs in, as for a mail.
func (e *examination) greet(ctx context.Context, owner string, accounts []mail.Account) {
	helo := cmp.Or(e.from.Domain(), "localhost")
	for _, account := range accounts {
		f := doctor.Finding{Check: "mail server", About: account.Server() + " of " + owner, Status: doctor.OK}
		tried := mail.Greet(ctx, account, helo, nil)
		if tried.Err != nil {
			f.Status, f.Says, f.Mend = doctor.Fail, string(tried.Failed)+": "+tried.Words, tried.Hint
		}
		for _, p := range tried.Passed {
			if tried.Err == nil {
				f.Says += strings.TrimSpace(" "+string(p.Step)+" "+p.Detail) + "; "
			}
		}
		f.Says = strings.TrimSuffix(f.Says, "; ")
		e.add(f)
	}
}

// sends notes the domains that mails come from by an owner's ways: that of the
// sender, and those of accounts that have another.
func (e *examination) sends(from idp.Address, accounts []mail.Account, owners ...mail.Setup) {
	e.sender(from, owners)
	for _, account := range accounts {
		address := from
		if account.From != "" {
			address = account.From
		}
		s := e.sender(address, owners)
		if spf := account.SPF(); s != nil && spf != "" && !slices.Contains(s.Includes, spf) {
			s.Includes = append(s.Includes, spf)
		}
	}
}

// sender gives the one of an address's domain, with an owner's keys; nil if there
// is no address.
func (e *examination) sender(a idp.Address, owners []mail.Setup) *doctor.Sender {
	if a == "" {
		return nil
	}
	i := slices.IndexFunc(e.domains, func(s *doctor.Sender) bool { return s.Domain == a.Domain() })
	if i < 0 {
		e.domains, i = append(e.domains, &doctor.Sender{Domain: a.Domain()}), len(e.domains)
	}
	s := e.domains[i]
	for _, key := range keysOf(s.Domain, owners) {
		if !slices.Contains(s.Keys, key) {
			s.Keys = append(s.Keys, key)
		}
	}
	return s
}

// examine asks the DNS about every domain, once.
func (e *examination) examine(ctx context.Context) {
	for _, s := range e.domains {
		looking, cancel := context.WithTimeout(ctx, 3*lookTime)
		e.add(s.Examine(looking, e.dns)...)
		cancel()
	}
}

// keysOf gives the keys that sign for a domain: the first owner's who has any.
func keysOf(domain string, owners []mail.Setup) (keys []doctor.Key) {
	for _, owner := range owners {
		for _, k := range owner.Keys {
			if domain != k.Domain && !strings.HasSuffix(domain, "."+k.Domain) {
				continue
			}
			if name, value, err := k.Record(); err == nil {
				keys = append(keys, doctor.Key{Domain: k.Domain, Name: name, Value: value})
			}
		}
		if keys != nil {
			break
		}
	}
	return keys
}

// report prints what was found, the worst last.
func (e *examination) report(term *terminal) error {
	count := map[doctor.Status]int{}
	for _, f := range e.found {
		count[f.Status]++
	}
	if e.JSON {
		if err := printJSON(term.stdout, map[string]any{"ok": count[doctor.Fail] == 0, "findings": e.found}); err != nil {
			return err
		}
	} else {
		for _, status := range []doctor.Status{doctor.OK, doctor.Warn, doctor.Fail} {
			printFindings(term.stdout, e.found, status)
		}
	}
	if count[doctor.Fail] > 0 {
		return fmt.Errorf("%d of %d checks failed; stdout says what to do about each", count[doctor.Fail], len(e.found))
	}
	return nil
}

func printFindings(w io.Writer, found []doctor.Finding, status doctor.Status) {
	for _, f := range found {
		if f.Status != status {
			continue
		}
		_, _ = fmt.Fprintf(w, "%-4s  %-11s  %s: %s\n", f.Status, f.Check, f.About, f.Says)
		if f.Mend != "" {
			_, _ = fmt.Fprintf(w, "      -> %s\n", f.Mend)
		}
	}
}
