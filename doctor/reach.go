package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
)

// maxMetadata is longer than any discovery document.
const maxMetadata = 256 << 10

// Issuer fetches an issuer's discovery document as an app does (OpenID Connect
// Discovery §4), which must name it.
func Issuer(ctx context.Context, client *http.Client, issuer string) Finding {
	f := Finding{Check: "issuer", About: issuer, Status: OK, Says: "its discovery document is there and names it"}
	address := issuer + "/.well-known/openid-configuration"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return f.because(Fail, "not a URL", "correct --public-url, or the tenant's host")
	}
	answer, err := client.Do(r)
	if err != nil {
		return f.because(Fail, "not reached: "+err.Error(), unreached(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return f.because(Fail, fmt.Sprintf("%s answers %d", address, answer.StatusCode), unserved(answer.StatusCode))
	}
	var document struct {
		Issuer string `json:"issuer"`
	}
	err = json.NewDecoder(io.LimitReader(answer.Body, maxMetadata)).Decode(&document)
	switch {
	case err != nil:
		return f.because(Fail, address+" is no discovery document", "something else answers at this address: look at the proxy's routes")
	case document.Issuer != issuer:
		return f.because(Fail, fmt.Sprintf("%s names the issuer %q", address, document.Issuer),
			"apps refuse that: --public-url of serve must be what browsers use, scheme and port included")
	}
	return f
}

func unreached(err error) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &name):
		return "publish an A or AAAA record of the host's name"
	case errors.As(err, &certificate):
		return "the proxy's certificate is not valid for this name: renew it, with its chain"
	default:
		return "does the proxy listen there, does a firewall stand before it, does serve run?"
	}
}

func unserved(status int) string {
	switch status {
	case http.StatusMisdirectedRequest:
		return "the proxy does not pass the host on, or is not trusted: see docs/proxies.md and --trusted-proxy"
	case http.StatusNotFound:
		return "the proxy leads elsewhere, or serve uses another database"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "the proxy does not reach serve, or serve not its database: /readyz and the log say which"
	default:
		return "a redirect, a login or a firewall stands before it: apps must get the document as it is"
	}
}

// Proxies looks at whose word is taken for where a request came from.
func Proxies(public *url.URL, ownTLS bool, trusted []netip.Prefix) Finding {
	f := Finding{Check: "proxies", About: "--trusted-proxy", Status: OK}
	for _, p := range trusted {
		if p.Bits() == 0 {
			return f.because(Fail, p.String()+" trusts everybody: any caller names the address that limits count, and the host",
				"name the proxy's own addresses only")
		}
	}
	switch {
	case len(trusted) > 0:
		f.Says = fmt.Sprintf("%d trusted", len(trusted))
	case ownTLS:
		f.Says = "none, and we serve TLS ourselves"
	case public.Scheme == "https":
		return f.because(Warn, "none is trusted, and somebody else serves TLS: all people count as one address",
			"name the proxy that serves TLS: --trusted-proxy ADDRESS/32")
	default:
		f.Says = "none"
	}
	return f
}
