package login

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"postern/idp"
	"postern/templates"
)

// carried is an authorization request as the browser carries it: sealed in the
// field "request", or by the name it is stored under in the field "stored".
type carried struct {
	field, value string
	request      idp.AuthRequest
	client       idp.Client
}

// maxSealed is more than a sealed request can be long.
const maxSealed = 32 << 10

// open reads the request that the browser carries, and finds its client. What
// was never ours is refused; expiry is the caller's to judge.
func (h *Handler) open(v *visit, values url.Values) (carried, error) {
	c := carried{field: "request", value: values.Get("request")}
	sealed := c.value
	if stored := values.Get("stored"); stored != "" {
		c.field, c.value = "stored", stored
		found, err := h.Store.FindRequest(v.ctx(), v.tenant.ID, stored)
		if err != nil {
			return carried{}, missing(err, "bad_request")
		}
		sealed = string(found.Sealed)
	}
	if sealed == "" || len(sealed) > maxSealed {
		return carried{}, refuse(http.StatusBadRequest, "bad_request", nil)
	}
	text, err := h.Sealer.Open(v.tenant.ID, idp.PurposeAuthRequest, sealed)
	if err != nil {
		return carried{}, missing(err, "bad_request")
	}
	if err := json.Unmarshal(text, &c.request); err != nil {
		return carried{}, fmt.Errorf("sealed request: %w", err)
	}
	c.client, err = h.clientOf(v, c.request)
	return c, err
}

// fields are the hidden fields that carry the request on.
func (c carried) fields() []templates.Hidden {
	return []templates.Hidden{{Name: c.field, Value: c.value}}
}

func (c carried) query() url.Values { return url.Values{c.field: {c.value}} }

// action names a form about this request.
func (c carried) action(form string) string {
	sum := sha256.Sum256([]byte(c.field + "=" + c.value))
	return form + ":" + hex.EncodeToString(sum[:])
}

// clientOf finds the client of a request and holds it to what it registers
// today: an answer must not go where it is no longer wanted.
func (h *Handler) clientOf(v *visit, req idp.AuthRequest) (idp.Client, error) {
	client, err := h.Store.FindClient(v.ctx(), v.tenant.ID, req.ClientID)
	if err != nil {
		return idp.Client{}, missing(err, "bad_client")
	}
	if req.Device == "" && !client.AllowsRedirect(req.RedirectURI) {
		return idp.Client{}, refuse(http.StatusBadRequest, "bad_redirect", nil)
	}
	return client, nil
}

// keepClient keeps a client that nobody registered once somebody deals with it:
// its mail and the end of its sessions are for programs that read no documents.
func (h *Handler) keepClient(v *visit, c idp.Client) error {
	if _, ok := c.ID.Document(); !ok {
		return nil
	}
	if err := h.Store.KeepClient(v.ctx(), c, v.now.Add(idp.DocumentClientLife)); err != nil {
		return fmt.Errorf("keep client: %w", err)
	}
	return nil
}

// missing refuses what is not there, and passes other errors on.
func missing(err error, key string) error {
	if errors.Is(err, idp.ErrNotFound) {
		return refuse(http.StatusBadRequest, key, err)
	}
	return err
}

// startAnew leads to where another address can be typed.
func (h *Handler) startAnew(v *visit, req idp.AuthRequest) (string, error) {
	if req.Change != idp.ChangeNothing {
		return v.at(pathAccount, nil), nil
	}
	return h.startAgain(v, req)
}

// startAgain leads to the address page with the same request, for another
// address; nowhere once the request is too old, or too long for a URL.
func (h *Handler) startAgain(v *visit, req idp.AuthRequest) (string, error) {
	if !v.now.Before(req.ReceivedAt.Add(idp.RequestLife)) {
		return "", nil
	}
	sealed, err := h.seal(v, req)
	if err != nil || len(sealed) > maxRequestURL {
		return "", err
	}
	return v.at("/auth/login", url.Values{"request": {sealed}}), nil
}

func (h *Handler) seal(v *visit, req idp.AuthRequest) (string, error) {
	text, err := json.Marshal(req)
	if err != nil {
		return "", fmt.Errorf("seal request: %w", err)
	}
	return h.Sealer.Seal(v.tenant.ID, idp.PurposeAuthRequest, text), nil
}

// maxRequestURL is what every proxy takes of a URL, less the rest of it.
const maxRequestURL = 3500

// carry seals a request again, to be opened by another page.
func (h *Handler) carry(v *visit, req idp.AuthRequest) (url.Values, error) {
	sealed, err := h.seal(v, req)
	if err != nil {
		return nil, err
	}
	if len(sealed) <= maxRequestURL {
		return url.Values{"request": {sealed}}, nil
	}
	id := idp.NewID(v.now)
	err = h.Store.SaveRequest(v.ctx(), idp.StoredRequest{
		TenantID: v.tenant.ID, ID: id, Sealed: []byte(sealed), Expires: v.now.Add(idp.RequestLife),
	})
	if err != nil {
		return nil, fmt.Errorf("keep request: %w", err)
	}
	return url.Values{"stored": {id}}, nil
}
