package login

import (
	"encoding/json"
	"time"

	"postern/idp"
	"postern/templates"
)

// fieldLink is the hidden field that carries what the button's POST needs to
// know of its link, so that pressing it is one step of the database.
const fieldLink = "link"

// purposeLink is that of its seal.
const purposeLink = "verify-form"

// linkFacts is what does not change of a link and its flow. Whether they are
// still live is decided where the link is consumed.
type linkFacts struct {
	Flow    idp.FlowID      `json:"f"`
	Link    string          `json:"l"`
	Client  idp.ClientID    `json:"c"`
	Request idp.AuthRequest `json:"r"`
	Address idp.Address     `json:"a"`
	Locale  string          `json:"g"`
	Expires time.Time       `json:"x"`
}

func (h *Handler) linkField(v *visit, m mailed) templates.Hidden {
	expires := m.link.Expires
	if m.flow.Expires.Before(expires) {
		expires = m.flow.Expires
	}
	facts, err := json.Marshal(linkFacts{
		Flow: m.flow.ID, Link: m.link.ID, Client: m.link.ClientID, Request: m.flow.Request,
		Address: m.flow.Address, Locale: m.flow.Locale, Expires: expires,
	})
	if err != nil {
		facts = nil // an empty field: the POST asks the database
	}
	return templates.Hidden{Name: fieldLink, Value: h.Sealer.Seal(v.tenant.ID, purposeLink, facts)}
}

// pressed gives the link of a form that this server made for this browser,
// unless that has to be looked up: the form says nothing of it, or its time is
// over. The link's secret is not proven yet; consuming it does that.
func (h *Handler) pressed(v *visit) (mailed, own, bool) {
	var facts linkFacts
	opened, err := h.Sealer.Open(v.tenant.ID, purposeLink, v.form.Get(fieldLink))
	if err != nil || json.Unmarshal(opened, &facts) != nil {
		return mailed{}, own{}, false
	}
	credential, err := idp.ParseCredential(v.form.Get("token"))
	browser, ok := h.Sessions.browser(v.r)
	if err != nil || !ok || credential.ID != facts.Link || !v.now.Before(facts.Expires) {
		return mailed{}, own{}, false
	}
	m := mailed{
		credential: credential,
		link: idp.Link{
			TenantID: v.tenant.ID, ID: facts.Link, FlowID: facts.Flow, ClientID: facts.Client, Expires: facts.Expires,
		},
		flow: idp.Flow{
			TenantID: v.tenant.ID, ID: facts.Flow, Request: facts.Request, Address: facts.Address,
			Locale: facts.Locale, Expires: facts.Expires, State: idp.FlowAsked,
		},
	}
	if h.checkToken(v, m.action()) != nil {
		return mailed{}, own{}, false
	}
	if m.client, err = h.Store.FindClient(v.ctx(), v.tenant.ID, facts.Client); err != nil {
		return mailed{}, own{}, false
	}
	return m, own{Flow: m.flow, browser: browser}, true
}
