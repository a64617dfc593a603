package op

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"postern/idp"
)

// call is what the library's handlers cannot carry from one step to the next:
// whose call it is, by which key, and why it failed.
type call struct {
	client *idp.Client
	key    *proof // what its sender holds, by DPoP
	byKey  bool   // its access token came by DPoP
	err    error
}

// is notes the client that a call turned out to be from.
func (c *call) is(client idp.Client) { c.client = &client }

type callKey struct{}

func withCall(ctx context.Context) (context.Context, *call) {
	c := new(call)
	return context.WithValue(ctx, callKey{}, c), c
}

func callOf(ctx context.Context) *call {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		panic("op: endpoint reached past its handler")
	}
	return c
}

// fails keeps an error for fail and gives the library one that says nothing.
func (c *call) fails(err error) error {
	c.err = err
	return oidc.ErrServerError()
}

// parse hands the request to the library at the endpoint's own path, whatever
// the mount, and turns its error answers back into errors.
func (p *Provider) parse(w http.ResponseWriter, r *http.Request, path string) error {
	route := chi.NewRouteContext()
	route.RoutePath = path
	c := callOf(r.Context())
	held := newHeldResponse()
	p.library.ServeHTTP(held, r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, route)))
	switch {
	case c.err != nil:
		return c.err
	case held.status != http.StatusOK:
		return held.refusal()
	}
	held.release(w)
	return nil
}

// heldResponse is an answer that has not left yet.
type heldResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newHeldResponse() *heldResponse {
	return &heldResponse{header: make(http.Header), status: http.StatusOK}
}

// Header implements http.ResponseWriter.
func (h *heldResponse) Header() http.Header { return h.header }

// WriteHeader implements http.ResponseWriter.
func (h *heldResponse) WriteHeader(status int) { h.status = status }

// Write implements http.ResponseWriter.
func (h *heldResponse) Write(b []byte) (int, error) { return h.body.Write(b) }

func (h *heldResponse) release(w http.ResponseWriter) {
	maps.Copy(w.Header(), h.header)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(h.status)
	w.Write(h.body.Bytes()) //nolint:errcheck // who asked is gone
}

// refusal reads an error that the library found by itself. It has the codes
// right; statuses and challenges are ours.
func (h *heldResponse) refusal() error {
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(h.body.Bytes(), &said); err != nil {
		return err
	}
	switch said.Error {
	case "invalid_client":
		return invalidClient("%s", said.Description)
	case "invalid_request", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_grant":
		return refuse(said.Error, "%s", said.Description)
	default:
		return &refusal{status: http.StatusInternalServerError, code: "server_error"}
	}
}
