package idp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Address is an email address in its one canonical form: lower case, ASCII
// local part, domain in IDNA lookup form. The same bytes are looked up, sent to
// and claimed. Make one with ParseAddress.
type Address string

// ErrBadAddress is wrapped by every refusal of ParseAddress.
var ErrBadAddress = errors.New("not an email address that mail can be sent to")

const (
	maxAddress = 254 // RFC 5321 §4.5.3.1.3, less the angle brackets
	maxLocal   = 64  // RFC 5321 §4.5.3.1.1
)

// ParseAddress reads one address as a person types it. It is stricter than
// RFC 5322 where leniency let two readers see two mailboxes: no quoted or
// non-ASCII local part, no comment, list, encoded word, source route, address
// literal, dotless or dot-ended domain.
func ParseAddress(text string) (Address, error) {
	text = strings.Trim(text, " \t\r\n")
	local, domain, found := strings.Cut(text, "@")
	if !found {
		return "", fmt.Errorf("%w: no @", ErrBadAddress)
	}
	if err := checkLocal(local); err != nil {
		return "", err
	}
	domain, err := canonicalDomain(domain)
	if err != nil {
		return "", err
	}
	address := strings.ToLower(local) + "@" + domain
	if len(address) > maxAddress {
		return "", fmt.Errorf("%w: too long", ErrBadAddress)
	}
	return Address(address), nil
}

// checkLocal runs before any case mapping: K (U+212A) would lower to an ASCII k.
func checkLocal(local string) error {
	if local == "" || len(local) > maxLocal {
		return fmt.Errorf("%w: local part of %d bytes", ErrBadAddress, len(local))
	}
	for i := range len(local) {
		c := local[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("#$&'*+-/=?^_`{|}~", c) >= 0:
		case c == '.' && i > 0 && i < len(local)-1 && local[i-1] != '.':
		default:
			return fmt.Errorf("%w: character %q in the local part", ErrBadAddress, c)
		}
	}
	if strings.Contains(local, "=?") {
		return fmt.Errorf("%w: encoded word", ErrBadAddress)
	}
	return nil
}

// lookup is IDNA2008 lookup with the rules of host names and the limits of DNS.
var lookup = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(),
	idna.StrictDomainName(true), idna.VerifyDNSLength(true))

func canonicalDomain(domain string) (string, error) {
	if domain == "" || len(domain) > maxAddress || strings.HasSuffix(domain, ".") {
		return "", fmt.Errorf("%w: domain", ErrBadAddress)
	}
	// The lookup mapping turns some characters into an at sign and drops others,
	// so that what a person sees and what is looked up would be two things.
	for _, r := range domain {
		if r == '\uff20' || r == '\ufe6b' || r == utf8.RuneError || r < ' ' || r == 0x7f ||
			unicode.In(r, unicode.Cf, unicode.Variation_Selector) {
			return "", fmt.Errorf("%w: character %q in the domain", ErrBadAddress, r)
		}
	}
	ascii, err := lookup.ToASCII(domain)
	if err != nil {
		return "", fmt.Errorf("%w: domain: %w", ErrBadAddress, err)
	}
	ascii = strings.ToLower(ascii)
	if strings.HasSuffix(ascii, ".") || !strings.Contains(ascii, ".") {
		return "", fmt.Errorf("%w: domain without a dot inside", ErrBadAddress)
	}
	if _, err := netip.ParseAddr(ascii); err == nil || allDigits(ascii[strings.LastIndexByte(ascii, '.')+1:]) {
		return "", fmt.Errorf("%w: a network address for a domain", ErrBadAddress)
	}
	return ascii, nil
}

func allDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// Domain is the part after the @.
func (a Address) Domain() string {
	_, domain, _ := strings.Cut(string(a), "@")
	return domain
}

// Mailbox folds what different spellings of one mailbox share, for limits
// only: a plus-tag everywhere, and Gmail's dots. Never send mail to it.
func (a Address) Mailbox() string {
	local, domain, _ := strings.Cut(string(a), "@")
	local, _, _ = strings.Cut(local, "+")
	if domain == "googlemail.com" {
		domain = "gmail.com"
	}
	if domain == "gmail.com" {
		local = strings.ReplaceAll(local, ".", "")
	}
	return local + "@" + domain
}
