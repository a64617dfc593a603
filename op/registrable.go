package op

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"postern/idp"
)

// Bounds of what a client can register.
const (
	maxListed = 20
	maxText   = 2048
)

// checkMetadata holds the metadata of a stranger to the rules of all clients,
// and to those for strangers.
func checkMetadata(ctx context.Context, fetcher Fetcher, client idp.Client) error {
	m, validate := client.Metadata, client.Validate
	if _, ok := client.ID.Document(); ok {
		validate = client.ValidateDocument
	}
	if err := validate(); errors.Is(err, idp.ErrRedirectURI) {
		f := invalidMetadata("%s", err)
		f.code = "invalid_redirect_uri"
		return f
	} else if err != nil {
		return invalidMetadata("%s", err)
	}
	if err := bounded(m); err != nil {
		return err
	}
	code := slices.Contains(m.ResponseTypes, "code")
	switch {
	case slices.Contains(m.GrantTypes, idp.GrantClientCredentials):
		return invalidMetadata("grant_types: client_credentials is the operator's to give")
	case slices.Contains(m.GrantTypes, idp.GrantDeviceCode): // a stranger's device is a way to ask for another's login
		return invalidMetadata("grant_types: device codes are the operator's to give")
	case slices.Contains(m.GrantTypes, idp.GrantTokenExchange):
		return invalidMetadata("grant_types: token exchange is the operator's to give")
	case code != slices.Contains(m.GrantTypes, idp.GrantAuthorizationCode):
		return invalidMetadata("response_types and grant_types contradict each other")
	case m.InitiateLoginURI != "" && !strings.HasPrefix(m.InitiateLoginURI, "https://"): // OpenID Connect Registration §2
		return invalidMetadata("initiate_login_uri must be https")
	case m.ApplicationType != idp.ApplicationNative && slices.ContainsFunc(m.RedirectURIs, native):
		f := invalidMetadata("a redirect URI with a private scheme is for application_type native")
		f.code = "invalid_redirect_uri"
		return f
	}
	for _, with := range []idp.Encryption{m.OfIDTokens(), m.OfUserinfo()} {
		if _, err := findRecipient(ctx, fetcher, client, with); err != nil {
			return invalidMetadata("jwks, jwks_uri: no key to encrypt for by %s", with.Alg).because(err)
		}
	}
	return checkSector(ctx, fetcher, m)
}

func native(uri string) bool {
	u, err := url.Parse(uri)
	return err != nil || u.Scheme != "https" && u.Scheme != "http"
}

// bounded refuses what is long or plenty.
func bounded(m idp.ClientMetadata) error {
	for name, list := range map[string][]string{
		"redirect_uris": m.RedirectURIs, "post_logout_redirect_uris": m.PostLogoutRedirectURIs, "request_uris": m.RequestURIs,
		"contacts": m.Contacts, "default_acr_values": m.DefaultACR, "grant_types": m.GrantTypes, "response_types": m.ResponseTypes,
		"the rest": {
			m.ClientURI, m.LogoURI, m.PolicyURI, m.TermsURI, m.InitiateLoginURI, m.JWKSURI, m.SectorIdentifierURI,
			m.BackchannelLogoutURI, m.FrontchannelLogoutURI, m.SoftwareID, m.SoftwareVersion,
		},
	} {
		if len(list) > maxListed {
			return invalidMetadata("%s: at most %d", name, maxListed)
		}
		if slices.ContainsFunc(list, func(text string) bool { return len(text) > maxText || !clean(text) }) {
			return invalidMetadata("%s: at most %d characters, no control characters", name, maxText)
		}
	}
	return nil
}

// checkSector reads what is at the sector identifier URI, where one is given: a
// list that must hold every redirect URI (OpenID Connect Registration §5).
func checkSector(ctx context.Context, fetcher Fetcher, m idp.ClientMetadata) error {
	if m.SectorIdentifierURI == "" {
		return nil
	}
	if fetcher == nil {
		return invalidMetadata("sector_identifier_uri is not supported")
	}
	raw, err := fetcher.Fetch(ctx, m.SectorIdentifierURI)
	if err != nil {
		return invalidMetadata("sector_identifier_uri cannot be read").because(err)
	}
	var listed []string
	if err := json.Unmarshal(raw, &listed); err != nil {
		return invalidMetadata("sector_identifier_uri holds no JSON list of URIs").because(err)
	}
	for _, uri := range m.RedirectURIs {
		if !slices.Contains(listed, uri) {
			return invalidMetadata("sector_identifier_uri does not list every redirect URI")
		}
	}
	return nil
}
