package main

import (
	"fmt"
	"strings"
)

// setting is one that set takes as key=value.
type setting struct {
	key    string
	values string // which there are, or an example; empty for any text
	what   string
}

// keyed are the settings of tenants or of clients.
type keyed []setting

// tenantKeys are what tenant set takes.
var tenantKeys = keyed{
	{"name", "", "What people see the tenant called."},
	{"host", "login.acme.example", "A host of its own, which makes its issuer. Empty: below the instance's public URL."},
	{"root", "true, false", "Serve it at the root of the public URL, not at `/t/SLUG`."},
	{"sign_up", "open, invited", "Who gets an account by signing in: anybody, or who was invited."},
	{"allowed_domains", "a.example,*.b.example", "The only domains whose addresses get an account without an invitation."},
	{"blocked_domains", "a.example,*.b.example", "Domains whose addresses never get an account."},
	{"pkce", "required, optional", "Whether confidential clients need PKCE. Public ones always do."},
	{"link_life", "2m to 60m", "How long a mailed link is good. 10m unless set."},
	{"session_life", "5m to 9600h", "How long a browser stays signed in, from the next login on. 168h unless set."},
	{"refresh_life", "1h to 43800h", "How long after a login its refresh tokens end, however often they are used. 8760h unless set."},
	{"key_rotation", "24h to 43800h", "How long signing keys are used before the next take over. 2160h unless set."},
	{"registration", "token, closed", "Whether apps register themselves, with a token of `client token`."},
	{"client_documents", "on, off", "Whether any client is let in whose id is the URL of its metadata."},
	{"consent", "ask, skip", "Whether people are asked before clients that register themselves learn of them."},
	{"proof_of_work", "off, always, 50%", "Work that keeps bots off, always or from that share of a limit on."},
	{"locale", "en, de, …", "Language of pages and mails. Empty: what the browser asks for."},
	{"mail_from", "login@acme.example", "Sender of its mails."},
	{"mail_from_name", "", "The sender's name."},
	{"limit.mailbox", "1/1m,3/15m,30/24h", "Mails to one mailbox."},
	{"limit.known", "1/1m,3/15m,30/24h", "The same, asked for by a browser that has signed in there."},
	{"limit.sending", "60/10m,1000/24h", "Requests for a mail by one network address."},
	{"limit.attempt", "300/1m", "Tries to complete a login by one network address."},
	{"limit.tenant", "600/1m,100000/24h", "Requests for a mail in the whole tenant."},
	{"colour", "#0e5a48", "Of buttons and links; refused where it cannot be read."},
	{"colour_dark", "#7fd0b6", "The same on dark pages."},
	{"logo", "@FILE", "PNG, JPEG or WebP, drawn anew."},
	{"greeting", "", "A line on the sign-in page."},
	{"support", "help@acme.example", "Where people find help: an address or a URL."},
	{"privacy", "https://…", "Page about privacy."},
	{"terms", "https://…", "Page with the terms of service."},
	{"imprint", "https://…", "Page with the imprint."},
}

// clientKeys are what client set takes, by their registered names where they have one.
var clientKeys = keyed{
	{"client_name", "", "What people see the app called."},
	{"grant_types", "authorization_code,refresh_token", "How it may get tokens."},
	{"redirect_uris", "https://…,https://…", "Where logins end."},
	{"post_logout_redirect_uris", "https://…", "Where sign-outs may end."},
	{"origins", "https://…", "Web origins that may call the endpoints, beside those of the redirect URIs."},
	{"scopes", "a,b", "Scopes of the tenant's APIs that it may ask for. Empty: all for its users, none for itself."},
	{"third_party", "true, false", "Somebody else's app: people are asked for consent."},
	{"pkce", "required, optional", "Empty: as the tenant says. Public clients always need it."},
	{"finish", "link, waiting", "Tab in which a login ends. Empty: waiting for public clients, link for others."},
	{"default_resource", "https://api.…", "API that its access tokens are for where it names none."},
	{"opaque_access_tokens", "true, false", "Access tokens that only introspection can read."},
	{"id_token_signed_response_alg", "RS256, PS256, ES256, EdDSA", "What ID tokens are signed with. RS256 unless set."},
	{"access_token_signed_response_alg", "RS256, PS256, ES256, EdDSA", "What access tokens are signed with. ES256 unless set."},
	{"userinfo_signed_response_alg", "RS256, PS256, ES256, EdDSA", "Userinfo as a signed JWT. Empty: plain JSON."},
	{"authorization_signed_response_alg", "RS256, PS256, ES256, EdDSA", "What answers are signed with where it asks for `response_mode=jwt`."},
	{"id_token_encrypted_response_alg", "RSA-OAEP-256, ECDH-ES, …", "Encrypt ID tokens for its own key."},
	{"id_token_encrypted_response_enc", "A128CBC-HS256, A256GCM, …", "What they are encrypted with."},
	{"userinfo_encrypted_response_alg", "RSA-OAEP-256, ECDH-ES, …", "Encrypt userinfo answers likewise."},
	{"userinfo_encrypted_response_enc", "A128CBC-HS256, A256GCM, …", "What they are encrypted with."},
	{"jwks_uri", "https://…", "Where it keeps its public keys."},
	{"dpop_bound_access_tokens", "true, false", "Only tokens that are bound to a key by DPoP."},
	{"tls_client_certificate_bound_access_tokens", "true, false", "Only tokens that are bound to its certificate."},
	{"require_pushed_authorization_requests", "true, false", "Refuse requests that it has not pushed."},
	{"require_signed_request_object", "true, false", "Refuse requests that it has not signed."},
	{"exchange_from", "AUDIENCE,…", "APIs and clients whose tokens it may exchange, beside its own."},
	{"exchange_for", "https://api.…", "APIs that it may get tokens for in exchange."},
	{"exchange_mode", "delegation, impersonation", "Whether exchanged tokens tell who acts for the person. delegation unless set."},
	{"client_uri", "https://…", "The app's own page."},
	{"policy_uri", "https://…", "Its page about privacy."},
	{"tos_uri", "https://…", "Its terms of service."},
	{"initiate_login_uri", "https://…", "Where a login may be begun from elsewhere."},
	{"backchannel_logout_uri", "https://…", "Where it is told, server to server, that a session has ended."},
	{"frontchannel_logout_uri", "https://…", "Page of it that a browser loads when it signs out."},
}

// help names them, with what they take.
func (all keyed) help() string {
	var b strings.Builder
	for i, s := range all {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.key)
		if s.values != "" {
			b.WriteString(" (" + s.values + ")")
		}
	}
	return b.String() + ". An empty value is the default again."
}

// unknown refuses a key that is none of them, and names one that it is part of,
// or that is part of it.
func (all keyed) unknown(key, of string) error {
	meant := ""
	for _, s := range all {
		if meant == "" && key != "" && (strings.Contains(s.key, key) || strings.Contains(key, s.key)) {
			meant = fmt.Sprintf(", did you mean %s?", s.key)
		}
	}
	return fmt.Errorf("there is no such setting%s; `postern %s set --help` lists them", meant, of)
}
