package idp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Domains is a list of mail domains. "example.com" covers the addresses at just
// that domain; "*.example.com" covers those at every domain below it, however
// deep, and not those at example.com itself. Entries are in the form that
// addresses have (IDNA, lower case). Make one with ParseDomains.
type Domains []string

// maxDomains bounds a list, which every claimed mail reads.
const maxDomains = 500

// ParseDomains reads domains with commas or spaces between them. Names beyond
// ASCII become their IDNA form, so that bücher.example and xn--bcher-kva.example
// are one entry, which comes once.
func ParseDomains(text string) (Domains, error) {
	var list Domains
	for _, entry := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\n", r) }) {
		domain, err := parseDomain(entry)
		if err != nil {
			return nil, err
		}
		list = append(list, domain)
	}
	slices.Sort(list)
	list = slices.Compact(list)
	return list, list.validate()
}

func parseDomain(entry string) (string, error) {
	name, below := strings.CutPrefix(entry, "*.")
	if !below {
		domain, err := canonicalDomain(name)
		if err != nil {
			return "", fmt.Errorf("%q: a domain such as example.com, or *.example.com for all below it", entry)
		}
		return domain, nil
	}
	// With a label in front, for "*.example" covers a whole top-level domain.
	domain, err := canonicalDomain("x." + name)
	if err != nil {
		return "", fmt.Errorf("%q: after *. comes a domain, such as *.example.com", entry)
	}
	return "*" + domain[1:], nil
}

func (d Domains) validate() error {
	if len(d) > maxDomains {
		return fmt.Errorf("%d domains, at most %d", len(d), maxDomains)
	}
	for _, entry := range d {
		if canonical, err := parseDomain(entry); err != nil || canonical != entry {
			return fmt.Errorf("%q is no domain in its canonical form", entry)
		}
	}
	return nil
}

// Covers tells whether the list has the address's domain.
func (d Domains) Covers(a Address) bool {
	domain := a.Domain()
	if slices.Contains(d, domain) {
		return true
	}
	for {
		_, above, deeper := strings.Cut(domain, ".")
		if !deeper {
			return false
		}
		if slices.Contains(d, "*."+above) {
			return true
		}
		domain = above
	}
}

// SignUpOf is the policy that holds for one address. Where the lists keep a
// domain out, its addresses need an invitation like in a tenant by invitation:
// who has an account keeps it, and an operator may invite whom they like.
// A blocked domain is kept out though it is allowed, too.
func (s TenantSettings) SignUpOf(a Address) SignUp {
	switch {
	case s.BlockedDomains.Covers(a), len(s.AllowedDomains) > 0 && !s.AllowedDomains.Covers(a):
		return SignUpInvited
	default:
		return s.SignUp
	}
}

// MailsEveryone tells whether every address gets the mail that is asked for, with
// an account or without one, so that what becomes of the mail tells nothing of
// who has one. A list of domains is enough for it not to: who has an account
// keeps it, also where the list keeps everybody else out.
func (s TenantSettings) MailsEveryone() bool {
	return s.SignUp == SignUpOpen && len(s.AllowedDomains) == 0 && len(s.BlockedDomains) == 0
}

func (s TenantSettings) validDomains() error {
	if err := s.AllowedDomains.validate(); err != nil {
		return fmt.Errorf("allowed domains: %w", err)
	}
	if err := s.BlockedDomains.validate(); err != nil {
		return fmt.Errorf("blocked domains: %w", err)
	}
	if len(s.AllowedDomains) > 0 && s.SignUp == SignUpInvited {
		return errors.New("allowed domains: sign-up is by invitation, which leaves them nothing to allow; set sign_up=open with them")
	}
	return nil
}
