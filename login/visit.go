package login

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"postern/edge"
	"postern/idp"
	"postern/templates"
)

// visit is one request to a page, with what every page asks of it.
type visit struct {
	place
	r    *http.Request
	now  time.Time
	form url.Values // of a POST
}

func (h *Handler) visit(r *http.Request) *visit {
	return &visit{place: placeOf(h.PublicURL, idp.TenantOf(r.Context())), r: r, now: h.Clock()}
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// at gives the path of one of the tenant's pages.
func (v *visit) at(path string, query url.Values) string {
	target := v.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	return target
}

// writes tells a request that may change something. A browser that looks
// ahead for the person must not finish a login for them.
func (v *visit) writes() bool {
	return v.r.Method != http.MethodHead && v.r.Header.Get("Sec-Purpose") == "" && v.r.Header.Get("Purpose") == ""
}

// maxBody is more than any of the forms needs.
const maxBody = 64 << 10

// readForm reads a POST's form and refuses one that comes from elsewhere.
func (v *visit) readForm(w http.ResponseWriter) error {
	v.r.Body = http.MaxBytesReader(w, v.r.Body, maxBody)
	if err := v.r.ParseForm(); err != nil {
		return badForm(err)
	}
	v.form = v.r.PostForm
	if !edge.FromHere(v.r, v.origin) {
		return refuse(http.StatusForbidden, "forbidden", nil)
	}
	return nil
}

// fieldFormToken is the hidden field that binds a form to the browser.
const fieldFormToken = "form_token"

// checkToken refuses a form that was not made for this browser and action.
func (h *Handler) checkToken(v *visit, action string) error {
	if !h.Sessions.FormTokenOK(v.r, action, v.form.Get(fieldFormToken)) {
		return h.forbidden(v)
	}
	return nil
}

// forbidden refuses a form that is not this browser's, and tells apart the one
// reason that a person can mend: cookies that don't come back.
func (h *Handler) forbidden(v *visit) error {
	if _, ok := h.Sessions.browser(v.r); !ok {
		return refuse(http.StatusForbidden, "no_cookie", nil)
	}
	return refuse(http.StatusForbidden, "forbidden", nil)
}

func (h *Handler) tokenField(w http.ResponseWriter, v *visit, action string) templates.Hidden {
	return templates.Hidden{Name: fieldFormToken, Value: h.Sessions.FormToken(w, v.r, action)}
}

// write renders a page. formsStay tells that none of its forms can end at a client.
func (h *Handler) write(w http.ResponseWriter, v *visit, status int, locales []string, formsStay bool, body templates.Body) {
	h.Pages.Write(w, status, templates.Frame{
		Locale: h.locale(v, locales), Tenant: v.tenant.Name, Base: v.base, FormsStay: formsStay,
		Brand: templates.BrandOf(v.tenant),
	}, body)
}

func (h *Handler) locale(v *visit, locales []string) string {
	return h.Pages.Locale(locales, v.r.Header.Get("Accept-Language"), v.tenant.Settings.Locale)
}

// redirect answers 303, so that the back button and a reload post nothing again.
func redirect(w http.ResponseWriter, target string) {
	header := w.Header()
	header.Set("Location", target)
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}

// mayAttempt refuses a network address that this process knows to be over its
// limit of attempts, and counts nothing.
func (h *Handler) mayAttempt(v *visit) error {
	return v.tooMany(h.Limits.MayAttempt(v.tenant, edge.ClientIP(v.ctx()), v.now))
}

// attempt counts a POST that may complete a login against its network address.
func (h *Handler) attempt(v *visit) error {
	verdict, err := h.Limits.Attempt(v.ctx(), v.tenant, edge.ClientIP(v.ctx()), v.now)
	if err != nil {
		return err
	}
	return v.tooMany(verdict)
}

func (v *visit) tooMany(verdict idp.Verdict) error {
	if !verdict.Allowed {
		return refuseUntil(http.StatusTooManyRequests, "too_many", verdict.RetryAt.Sub(v.now))
	}
	return nil
}
