package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"postern/edge"
	"postern/idp"
)

// authorizeDevice is the device authorization endpoint (RFC 8628 §3.1): a device
// without a browser asks for a login, and gets a short code for its person.
func (p *Provider) authorizeDevice(w http.ResponseWriter, r *http.Request) error {
	if err := checkCall(w, r); err != nil {
		return err
	}
	client, err := p.authenticate(r.Context(), r.Header, credentialsOf(r))
	if err != nil {
		return err
	}
	callOf(r.Context()).is(client)
	if !client.AllowsGrant(idp.GrantDeviceCode) {
		return refuse("unauthorized_client", "this client may not use device codes")
	}
	if err := p.countFetch(r.Context()); err != nil {
		return err
	}
	d := p.reading(r.Context(), client, without(r.PostForm, ofAuthentication...))
	for _, step := range []func(*reading) error{(*reading).wellFormed, (*reading).resource, (*reading).scope, (*reading).plain} {
		if err := step(&d); err != nil {
			return err
		}
	}
	device, code, err := p.startDevice(r.Context(), d.req)
	if err != nil {
		return err
	}
	return tellDevice(w, p.issuer(r), device, code)
}

// startDevice keeps the login. A user code that another device has just now is
// drawn again.
func (p *Provider) startDevice(ctx context.Context, req idp.AuthRequest) (device idp.Credential, code string, err error) {
	tenant, now := idp.TenantOf(ctx).ID, p.clock()
	for range 3 {
		device, code = idp.NewCredential(idp.NewID(now)), idp.NewUserCode()
		req.Device = device.ID
		mac := p.sealer.MAC(tenant, idp.PurposeUserCode, []byte(code))
		err = p.store.StartDevice(ctx, idp.DeviceLogin{
			TenantID: tenant, ID: device.ID, Secret: device.Secret.Digest(), UserCode: idp.DigestOf(mac[:]), Request: req,
			Asked: idp.Device{Network: edge.NetworkName(edge.ClientIP(ctx))}, State: idp.DeviceAsked, Expires: now.Add(idp.DeviceLife),
		})
		if !errors.Is(err, idp.ErrConflict) {
			break
		}
	}
	if err != nil {
		return idp.Credential{}, "", fmt.Errorf("start device: %w", err)
	}
	return device, code, nil
}

// tellDevice answers as RFC 8628 §3.2 has it.
func tellDevice(w http.ResponseWriter, issuer string, device idp.Credential, code string) error {
	shown := code[:4] + "-" + code[4:]
	body, err := json.Marshal(struct {
		DeviceCode string `json:"device_code"`
		UserCode   string `json:"user_code"`
		Page       string `json:"verification_uri"`
		PageOfCode string `json:"verification_uri_complete"`
		Expires    int64  `json:"expires_in"`
		Interval   int64  `json:"interval"`
	}{
		device.Reveal(), shown, issuer + "/auth/device", issuer + "/auth/device?user_code=" + shown,
		int64(idp.DeviceLife / time.Second), int64(idp.DeviceInterval / time.Second),
	})
	if err != nil {
		return fmt.Errorf("encode device: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	w.Write(body) //nolint:errcheck // it is held, and who asked may be gone
	return nil
}

// exchangeDevice answers a device that asks whether its person has allowed it
// (RFC 8628 §3.4). Of many that ask with one code, one gets tokens.
func (p *Provider) exchangeDevice(ctx context.Context, c idp.Client, r *oidc.DeviceAccessTokenRequest) (tokenAnswer, error) {
	const bad = "the device code is not good for this client"
	device, err := idp.ParseCredential(r.DeviceCode)
	if err != nil {
		return tokenAnswer{}, invalidGrant(bad).because(err)
	}
	reader, err := p.idTokenRecipient(ctx, c)
	if err != nil {
		return tokenAnswer{}, err
	}
	refresh, key := idp.NewCredential(idp.NewID(p.clock())), callOf(ctx).key
	poll := idp.DevicePoll{
		TenantID: idp.TenantOf(ctx).ID, ID: device.ID, Secret: device.Secret.Digest(), ClientID: c.ID,
		BindTo: boundTo(c, confirmation(ctx, c)), Once: key.noted(), Now: p.clock(),
	}
	offline := c.AllowsGrant(idp.GrantRefreshToken)
	if offline {
		poll.Refresh, poll.RefreshExpires = refresh.Secret.Digest(), idp.TenantOf(ctx).FirstRefreshExpires(poll.Now)
	}
	g, user, err := p.store.PollDevice(ctx, poll)
	if err != nil {
		return tokenAnswer{}, deviceError(err, bad)
	}
	m := minting{
		client: c, grant: g, user: user, scope: g.Request.Scope, resource: g.Request.Resource, confirmation: confirmation(ctx, c), reader: reader,
	}
	if offline && g.Request.Offline() {
		refresh.ID = string(g.ID) // a refresh token is looked up by its grant
		m.refresh = p.refreshText(ctx, refresh)
	}
	return p.mint(ctx, m)
}

// deviceError maps what a store says of a device code (RFC 8628 §3.5).
func deviceError(err error, description string) error {
	switch {
	case errors.Is(err, idp.ErrPending):
		return refuse("authorization_pending", "the person has not decided yet").because(err)
	case errors.Is(err, idp.ErrTooSoon):
		return refuse("slow_down", "the device asks too often").because(err)
	case errors.Is(err, idp.ErrNotAllowed):
		return refuse("access_denied", "the person did not allow it").because(err)
	case errors.Is(err, idp.ErrExpired):
		return refuse("expired_token", "the device code has expired").because(err)
	default:
		return grantError(err, description)
	}
}
