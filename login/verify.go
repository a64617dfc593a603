package login

import (
	"errors"
	"net/http"

	"postern/idp"
	"postern/templates"
)

// mailed is a link as somebody presented it, found and proven by its secret.
type mailed struct {
	credential idp.Credential
	link       idp.Link
	flow       idp.Flow // without an ID where only the tombstone is left
	client     idp.Client
}

// decoy is compared with where there is no link, so that a miss takes as long
// as a hit.
var decoy = idp.DigestOf([]byte("no link has this verifier"))

// findMailed finds the link of a token. A link that is not there and one with
// another secret are the same to whoever asks.
func (h *Handler) findMailed(v *visit, token string) (mailed, error) {
	unknown := over(v, templates.EndedUnknown, idp.Client{}, nil)
	credential, err := idp.ParseCredential(token)
	if err != nil {
		return mailed{}, unknown
	}
	link, flow, err := h.Store.FindLink(v.ctx(), v.tenant.ID, credential.ID)
	if errors.Is(err, idp.ErrNotFound) {
		link.Verifier, err = decoy, nil
	}
	if err != nil {
		return mailed{}, err
	}
	if !link.Verifier.Equal(credential.Secret.Digest()) || link.ID != credential.ID || link.TenantID != v.tenant.ID {
		return mailed{}, unknown
	}
	client, err := h.Store.FindClient(v.ctx(), v.tenant.ID, link.ClientID)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return mailed{}, err
	}
	return mailed{credential: credential, link: link, flow: flow, client: client}, nil
}

// ended tells how a link ended, or nothing for one that is live.
func (m mailed) ended(v *visit) templates.Ending {
	switch {
	case m.link.Outcome == idp.LinkUsed:
		return templates.EndedUsed
	case m.link.Outcome == idp.LinkDead:
		return templates.EndedLocked
	case m.flow.ID == "", !v.now.Before(m.link.Expires), !v.now.Before(m.flow.Expires):
		return templates.EndedExpired
	case m.flow.State == idp.FlowCompleted, m.flow.State == idp.FlowFinished:
		return templates.EndedUsed
	case m.flow.State == idp.FlowLocked:
		return templates.EndedLocked
	default:
		return ""
	}
}

func (m mailed) action() string { return "verify:" + string(m.flow.ID) + ":" + m.link.ID }

// showLink serves GET /auth/verify. It is inert: mail scanners and previews
// open links, so opening one must change nothing, here or in the database.
func (h *Handler) showLink(w http.ResponseWriter, v *visit) error {
	m, err := h.findMailed(v, v.r.URL.Query().Get("token"))
	if err != nil {
		return err
	}
	browser, ok := h.Sessions.browser(v.r)
	here := ok && m.flow.ID != "" && isOwn(v, m.flow, browser)
	if what := m.ended(v); what != "" {
		if here {
			return h.linkLost(w, v, m, own{Flow: m.flow, browser: browser}, what)
		}
		return over(v, what, m.client, m.flow.Request.UILocales)
	}
	if here {
		h.writeHere(w, v, m)
		return nil
	}
	h.writeElsewhere(w, v, m)
	return nil
}

func (h *Handler) writeHere(w http.ResponseWriter, v *visit, m mailed) {
	h.write(w, v, http.StatusOK, m.flow.Request.UILocales, false, templates.VerifyHere{
		Client: m.client.Metadata.Name, Address: string(m.flow.Address),
		Hidden: []templates.Hidden{
			{Name: "token", Value: m.credential.Reveal()},
			h.linkField(v, m),
			h.tokenField(w, v, m.action()),
		},
		Change: m.flow.Request.Change != idp.ChangeNothing,
	})
}

// writeElsewhere serves every browser but the one that asked. It has no form:
// whoever started this login may be someone else.
func (h *Handler) writeElsewhere(w http.ResponseWriter, v *visit, m mailed) {
	code := ""
	if _, ok := acrOf(m.flow.Request, idp.ByRelay); ok {
		code = showRelay(h.relayCode(m.link))
	}
	h.write(w, v, http.StatusOK, m.flow.Request.UILocales, true, templates.VerifyElsewhere{
		Client: m.client.Metadata.Name, Code: code, Asked: m.flow.CreatedAt,
		Browser: m.flow.Asked.Browser, Network: m.flow.Asked.Network,
		Change: m.flow.Request.Change != idp.ChangeNothing,
	})
}

// writeUsedHere answers the browser that asked, after its login was completed:
// it may still go on from here if the waiting tab has not.
func (h *Handler) writeUsedHere(w http.ResponseWriter, v *visit, m mailed, flow own, what templates.Ending) error {
	if what == templates.EndedUsed && flow.State == idp.FlowCompleted && !flow.expired(v) {
		h.writeCompleted(w, v, flow, m.client)
		return nil
	}
	return over(v, what, m.client, flow.Request.UILocales)
}
