package login

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"postern/idp"
	"postern/templates"
)

// formDevice names the form that takes a device's code.
const formDevice = "device"

// askDevice serves GET /auth/device, where a device sends its person (RFC 8628
// §3.3). A code that came along is only filled in: it may come from somebody
// who wants this person to sign in another's device.
func (h *Handler) askDevice(w http.ResponseWriter, v *visit) error {
	code, ok := parseRelay(v.r.URL.Query().Get("user_code"))
	if ok {
		code = showRelay(code)
	}
	h.writeDevice(w, v, http.StatusOK, code, "")
	return nil
}

func (h *Handler) writeDevice(w http.ResponseWriter, v *visit, status int, code, problem string) {
	h.write(w, v, status, nil, true, templates.DeviceCode{
		Code: code, Problem: problem, Hidden: []templates.Hidden{h.tokenField(w, v, formDevice)},
	})
}

// takeDevice serves POST /auth/device: it finds the device's login by its code
// and leads to the page that asks for consent, by way of a login where there is
// none. Guesses are counted by the network address they come from (§5.1).
func (h *Handler) takeDevice(w http.ResponseWriter, v *visit) error {
	if err := h.attempt(v); err != nil {
		return err
	}
	if err := v.readForm(w); err != nil {
		return err
	}
	if err := h.checkToken(v, formDevice); err != nil {
		return err
	}
	code, ok := parseRelay(strings.Join(strings.Fields(v.form.Get("code")), ""))
	if !ok {
		h.writeDevice(w, v, http.StatusUnprocessableEntity, "", "device.problem.code")
		return nil
	}
	mac := h.Sealer.MAC(v.tenant.ID, idp.PurposeUserCode, []byte(code))
	d, err := h.Store.FindDeviceByCode(v.ctx(), v.tenant.ID, idp.DigestOf(mac[:]))
	if errors.Is(err, idp.ErrNotFound) || err == nil && (d.State != idp.DeviceAsked || !v.now.Before(d.Expires)) {
		h.writeDevice(w, v, http.StatusUnprocessableEntity, showRelay(code), "device.problem.code")
		return nil
	}
	if err != nil {
		return fmt.Errorf("find device: %w", err)
	}
	req := d.Request
	req.ReceivedAt = v.now
	return h.toConsent(w, v, req)
}

// confirmDevice asks whether a device may sign in as the person who is here. It
// shows when and from where the device asked, for who did not start this.
func (h *Handler) confirmDevice(w http.ResponseWriter, v *visit, a asked) error {
	d, err := h.Store.FindDevice(v.ctx(), v.tenant.ID, a.request.Device)
	if err != nil {
		return missing(err, "bad_request")
	}
	if d.State != idp.DeviceAsked || !v.now.Before(d.Expires) {
		return over(v, templates.EndedExpired, a.client, a.request.UILocales)
	}
	h.write(w, v, http.StatusOK, a.request.UILocales, true, templates.DeviceConfirm{
		Client: a.client.Metadata.Name, Address: string(a.user.Address), Scopes: a.request.Scope, About: about(v, a.client),
		Asked: d.Expires.Add(-idp.DeviceLife), Network: d.Asked.Network,
		Hidden: append(a.fields(), h.tokenField(w, v, a.action())),
	})
	return nil
}

// decideDevice writes what the person said, and says what becomes of the device.
func (h *Handler) decideDevice(w http.ResponseWriter, v *visit, req idp.AuthRequest, g idp.Grant) error {
	err := h.Store.DecideDevice(v.ctx(), v.tenant.ID, req.Device, g, v.now)
	switch {
	case errors.Is(err, idp.ErrUsed), errors.Is(err, idp.ErrExpired), errors.Is(err, idp.ErrNotFound):
		return over(v, templates.EndedExpired, idp.Client{}, req.UILocales)
	case err != nil:
		return fmt.Errorf("decide device: %w", err)
	}
	h.write(w, v, http.StatusOK, req.UILocales, true, templates.DeviceDone{Allowed: g.ID != ""})
	return nil
}
