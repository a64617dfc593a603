package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/dmarc"
	"golang.org/x/net/publicsuffix"
)

// Resolver asks the DNS; net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
}

// Key is a DKIM key that mails of a domain are signed with, and its record.
type Key struct{ Domain, Name, Value string }

// Sender is a domain that mails come from.
type Sender struct {
	Domain string
	Keys   []Key
	// Includes are what the providers that its mails go by ask its SPF record for.
	Includes []string
}

// Examine looks at what the domain publishes: MX, SPF, DKIM, and whether DMARC
// passes by them.
func (s Sender) Examine(ctx context.Context, dns Resolver) []Finding {
	found := []Finding{s.mx(ctx, dns), s.spf(ctx, dns)}
	passes := found[1].Status != Fail
	keys, aligned := s.dkim(ctx, dns)
	found = append(found, keys...)
	return append(found, s.dmarc(ctx, dns, passes, aligned))
}

func (s Sender) finding(check string) Finding {
	return Finding{Check: check, About: s.Domain, Status: OK}
}

// because makes a finding one that is not well.
func (f Finding) because(status Status, says, mend string) Finding {
	f.Status, f.Says, f.Mend = status, says, mend
	return f
}

const silent = "is the resolver of this machine well? --dns 9.9.9.9:53 asks another"

// absent tells that the DNS answered, and that there is no such record.
func absent(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// mx looks for who takes what comes back: many servers take no mail from a
// domain that takes none itself.
func (s Sender) mx(ctx context.Context, dns Resolver) Finding {
	f := s.finding("MX")
	hosts, err := dns.LookupMX(ctx, s.Domain+".")
	const mend = "publish an MX record for the domain: mails that bounce, and answers, must find somebody"
	switch {
	case err != nil && !absent(err):
		return f.because(Fail, "the DNS does not answer: "+err.Error(), silent)
	case len(hosts) == 0:
		return f.because(Warn, "the domain takes no mail itself", mend)
	case hosts[0].Host == ".": // RFC 7505
		return f.because(Fail, "the domain says that it neither takes nor sends mail (null MX)", mend)
	}
	f.Says = strings.TrimSuffix(hosts[0].Host, ".")
	return f
}

// spf looks at who may send for the domain (RFC 7208).
func (s Sender) spf(ctx context.Context, dns Resolver) Finding {
	f := s.finding("SPF")
	texts, err := dns.LookupTXT(ctx, s.Domain+".")
	if err != nil && !absent(err) {
		return f.because(Fail, "the DNS does not answer: "+err.Error(), silent)
	}
	var records [][]string
	for _, text := range texts {
		if terms := strings.Fields(strings.ToLower(text)); len(terms) > 0 && terms[0] == "v=spf1" {
			records = append(records, terms)
		}
	}
	switch len(records) {
	case 0:
		return f.because(Fail, "no record: nobody is said to send for the domain",
			"publish TXT "+s.Domain+" \"v=spf1 "+s.wanted()+"-all\", with what your mail provider asks for")
	case 1:
		return s.spfTerms(f, records[0])
	default:
		return f.because(Fail, fmt.Sprintf("%d records, which counts as none", len(records)), "make one of them")
	}
}

func (s Sender) wanted() string {
	var b strings.Builder
	for _, domain := range s.Includes {
		b.WriteString("include:" + domain + " ")
	}
	return b.String()
}

func (s Sender) spfTerms(f Finding, terms []string) Finding {
	f.Says = strings.Join(terms, " ")
	lists := func(term string) bool { return slices.Contains(terms, term) }
	redirects := slices.ContainsFunc(terms, func(term string) bool { return strings.HasPrefix(term, "redirect=") })
	switch {
	case lists("+all"), lists("all"):
		return f.because(Fail, "everybody may send for the domain: "+f.Says, "end the record in -all")
	case !lists("-all") && !lists("~all") && !redirects:
		return f.because(Warn, "nobody is kept out: "+f.Says, "end the record in -all")
	}
	for _, domain := range s.Includes {
		if !lists("include:"+domain) && !redirects {
			return f.because(Warn, "the provider's servers are not named directly: "+f.Says,
				"if no other include names them, add include:"+domain)
		}
	}
	return f
}

// dkim looks for the records of the keys that we sign with (RFC 6376). aligned
// are those keys' domains that are published as they are.
func (s Sender) dkim(ctx context.Context, dns Resolver) (found []Finding, aligned []string) {
	if len(s.Keys) == 0 {
		return []Finding{s.finding("DKIM").because(Warn, "we have no key to sign with",
			"unless your provider signs: postern mail dkim create --domain "+s.Domain)}, nil
	}
	for _, key := range s.Keys {
		f := s.dkimOf(ctx, dns, key)
		if f.Status == OK {
			aligned = append(aligned, key.Domain)
		}
		found = append(found, f)
	}
	return found, aligned
}

func (s Sender) dkimOf(ctx context.Context, dns Resolver, key Key) Finding {
	f := Finding{Check: "DKIM", About: key.Name, Status: OK, Says: "published as we sign"}
	publish := "publish TXT " + key.Name + " \"" + key.Value + "\" (postern mail dkim show)"
	texts, err := dns.LookupTXT(ctx, key.Name+".")
	switch {
	case err != nil && !absent(err):
		return f.because(Fail, "the DNS does not answer: "+err.Error(), silent)
	case len(texts) == 0:
		return f.because(Fail, "the key is not published: every signature fails", publish)
	}
	for _, text := range texts {
		if publicKey(text) == publicKey(key.Value) {
			return f
		}
	}
	return f.because(Fail, "another key is published: every signature fails", publish)
}

// publicKey gives the p tag of a DKIM record, without spaces.
func publicKey(record string) string {
	for tag := range strings.SplitSeq(record, ";") {
		if name, value, _ := strings.Cut(strings.TrimSpace(tag), "="); strings.TrimSpace(name) == "p" {
			return strings.Join(strings.Fields(value), "")
		}
	}
	return ""
}

// dmarc looks at what the domain asks of who gets its mails (RFC 7489), and
// whether one of the two passes for that very domain. Our envelope sender is the
// visible one, so SPF is aligned if it passes.
func (s Sender) dmarc(ctx context.Context, dns Resolver, spf bool, keys []string) Finding {
	f := s.finding("DMARC")
	record, at, err := policyOf(ctx, dns, s.Domain)
	switch {
	case errors.Is(err, dmarc.ErrNoPolicy):
		return f.because(Warn, "no record: some providers want one of who sends to many",
			"publish TXT _dmarc."+s.Domain+" \"v=DMARC1; p=none; rua=mailto:postmaster@"+s.Domain+"\", and p=reject once the reports are clean")
	case err != nil && dmarc.IsTempFail(err):
		return f.because(Fail, "the DNS does not answer: "+err.Error(), silent)
	case err != nil:
		return f.because(Fail, "the record is not as it should be: "+err.Error(), "correct TXT _dmarc."+at)
	}
	signed := slices.ContainsFunc(keys, func(domain string) bool {
		return record.DKIMAlignment != dmarc.AlignmentStrict || domain == s.Domain
	})
	policy := record.Policy
	if at != s.Domain && record.SubdomainPolicy != "" {
		policy = record.SubdomainPolicy
	}
	if spf || signed {
		f.Says = fmt.Sprintf("passes by %s; %s asks for %s", by(spf, signed), at, policy)
		return f
	}
	status := Warn
	if policy != dmarc.PolicyNone {
		status = Fail
	}
	return f.because(status, fmt.Sprintf("neither SPF nor DKIM passes for this domain, and %s asks for %s", at, policy), "mend SPF or DKIM first")
}

func by(spf, signed bool) string {
	switch {
	case spf && signed:
		return "SPF and DKIM"
	case spf:
		return "SPF"
	default:
		return "DKIM"
	}
}

// policyOf gives the record that counts for a domain: its own, or that of the
// domain that was registered above it.
func policyOf(ctx context.Context, dns Resolver, domain string) (record *dmarc.Record, at string, err error) {
	options := &dmarc.LookupOptions{LookupTXT: func(name string) ([]string, error) { return dns.LookupTXT(ctx, name+".") }}
	record, err = dmarc.LookupWithOptions(domain, options)
	above, noParent := publicsuffix.EffectiveTLDPlusOne(domain)
	if !errors.Is(err, dmarc.ErrNoPolicy) || noParent != nil || above == domain {
		return record, domain, err
	}
	record, err = dmarc.LookupWithOptions(above, options)
	return record, above, err
}
