package login

import (
	"net/http"
	"strings"
	"time"

	"postern/idp"
)

// place is where a tenant is served. All of it comes from the tenant's row.
type place struct {
	tenant idp.Tenant
	issuer string
	origin string // scheme and host of the issuer
	base   string // path of the issuer, without a trailing slash
	secure bool
}

func placeOf(publicURL string, t idp.Tenant) place {
	issuer := t.Issuer(publicURL)
	scheme, rest, _ := strings.Cut(issuer, "://")
	host, path, deeper := strings.Cut(rest, "/")
	p := place{tenant: t, issuer: issuer, origin: scheme + "://" + host, secure: scheme == "https"}
	if deeper {
		p.base = "/" + path
	}
	return p
}

// cookieName carries the tenant, for path tenants share an origin. Over plain
// http, on loopback only, the prefix and Secure drop: browsers would not send it.
func (p place) cookieName(kind string) string {
	name := "postern-" + kind + "-" + string(p.tenant.ID)
	if p.secure {
		return "__Host-" + name
	}
	return name
}

// cookie makes a cookie that scripts don't see and cross-site requests don't
// carry, except where the person follows a link. A life of zero removes it.
func (p place) cookie(kind, value string, life time.Duration) *http.Cookie {
	age := int(life / time.Second)
	if age <= 0 {
		age = -1
	}
	return &http.Cookie{ //nolint:gosec // Secure drops over http, which is for loopback only
		Name: p.cookieName(kind), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode,
	}
}
