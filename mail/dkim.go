package mail

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

// KeyAlgorithm is what a DKIM key signs with.
type KeyAlgorithm string

// DKIM algorithms. Every verifier knows the first; some large ones do not know the second.
const (
	DKIMRSA     KeyAlgorithm = "rsa"     // RFC 6376, 2048 bits
	DKIMEd25519 KeyAlgorithm = "ed25519" // RFC 8463
)

// DKIMKey signs the mails of a domain and of those below it. Its JSON holds the
// private key and is kept sealed.
type DKIMKey struct {
	Domain    string       `json:"domain"`
	Selector  string       `json:"selector"`
	Algorithm KeyAlgorithm `json:"algorithm"`
	Private   PrivateKey   `json:"private"`
	CreatedAt time.Time    `json:"created_at"`
}

// PrivateKey is a key in PKCS #8, that no log and no formatting shows.
type PrivateKey []byte

// String is what every verb of fmt prints, but for %#v.
func (PrivateKey) String() string { return "(private key)" }

// GoString is what %#v prints.
func (PrivateKey) GoString() string { return "(private key)" }

var (
	domainPattern   = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$`)
	selectorPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// NewDKIMKey makes a key. An empty selector is made of algorithm and month, so
// that the next key can be published beside this one.
func NewDKIMKey(domain, selector string, algorithm KeyAlgorithm, now time.Time) (DKIMKey, error) {
	k := DKIMKey{Domain: strings.ToLower(domain), Selector: selector, Algorithm: algorithm, CreatedAt: now}
	if k.Selector == "" {
		k.Selector = "postern-" + string(algorithm) + "-" + now.UTC().Format("200601")
	}
	if len(k.Domain) > 253 || !domainPattern.MatchString(k.Domain) {
		return DKIMKey{}, fmt.Errorf("domain %q: such as acme.example", domain)
	}
	if !selectorPattern.MatchString(k.Selector) {
		return DKIMKey{}, fmt.Errorf("selector %q: a-z, 0-9 and -, not at the ends", selector)
	}
	private, err := makeDKIM(algorithm)
	if err != nil {
		return DKIMKey{}, err
	}
	k.Private, err = x509.MarshalPKCS8PrivateKey(private)
	return k, err
}

func makeDKIM(algorithm KeyAlgorithm) (crypto.Signer, error) {
	switch algorithm {
	case DKIMRSA:
		return rsa.GenerateKey(rand.Reader, 2048)
	case DKIMEd25519:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	default:
		return nil, fmt.Errorf("algorithm %q: rsa or ed25519", algorithm)
	}
}

// Record gives the name and the text of the TXT record to publish (RFC 6376 §3.6.1).
func (k DKIMKey) Record() (name, text string, err error) {
	s, err := k.signer()
	if err != nil {
		return "", "", err
	}
	public, err := publicOf(s.private)
	if err != nil {
		return "", "", err
	}
	text = "v=DKIM1; k=" + string(k.Algorithm) + "; p=" + base64.StdEncoding.EncodeToString(public)
	return k.Selector + "._domainkey." + k.Domain, text, nil
}

// publicOf encodes as records do: an RSA key with its type around it, an Ed25519
// key bare (RFC 8463 §4.2).
func publicOf(private crypto.Signer) ([]byte, error) {
	switch public := private.Public().(type) {
	case ed25519.PublicKey:
		return public, nil
	case *rsa.PublicKey:
		return x509.MarshalPKIXPublicKey(public)
	default:
		return nil, errors.New("DKIM key of another kind")
	}
}

// Signer signs mails with a DKIM key, parsed once. It is safe for concurrent use.
type Signer struct {
	key     DKIMKey
	private crypto.Signer
	headers []string
}

// signedHeaders are what a signature covers, so far as the mail has them and the
// provider leaves them be. Those that a reader sees are signed once more than
// they are there, so that none can be added.
var (
	signedHeaders = []string{
		"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted",
	}
	oversigned = []string{"From", "To", "Subject", "Reply-To", "Cc", "Content-Type"}
)

// signer parses the key.
func (k DKIMKey) signer() (*Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(k.Private)
	if err != nil {
		return nil, fmt.Errorf("DKIM key %s of %s: %w", k.Selector, k.Domain, err)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("DKIM key %s of %s does not sign", k.Selector, k.Domain)
	}
	return &Signer{key: k, private: private, headers: append(slices.Clone(signedHeaders), oversigned...)}, nil
}

// sparing signs, but for fields that the provider replaces.
func (s *Signer) sparing(rewritten []string) *Signer {
	if len(rewritten) == 0 {
		return s
	}
	spared := *s
	spared.headers = slices.DeleteFunc(slices.Clone(s.headers), func(h string) bool { return slices.Contains(rewritten, h) })
	return &spared
}

// covers tells that the key's domain is the sender's or stands above it, which
// DMARC takes for aligned (RFC 7489 §3.1.1).
func (s *Signer) covers(domain string) bool {
	return domain == s.key.Domain || strings.HasSuffix(domain, "."+s.key.Domain)
}

// sign gives the DKIM-Signature field of a mail, with its line end.
func (s *Signer) sign(mail []byte) (string, error) {
	// go-mail signs, too, but v0.8.1 hashes a long list of fields as it was before
	// it was folded, so that nobody can verify it.
	signer, err := dkim.NewSigner(&dkim.SignOptions{
		Domain: s.key.Domain, Selector: s.key.Selector, Signer: s.private, HeaderKeys: s.headers,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		return "", err
	}
	_, err = signer.Write(mail)
	if err := errors.Join(err, signer.Close()); err != nil {
		return "", err
	}
	return signer.Signature(), nil
}
