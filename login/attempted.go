package login

import (
	"errors"
	"net/http"

	"postern/idp"
	"postern/templates"
)

// Why an attempt came to nothing, beside the endings of links.
const (
	whyMismatch    = "mismatch"
	whyNotAllowed  = "not_allowed"
	whyUnavailable = "unavailable"
)

// attempted tells the hook of attempts that an endpoint refuses.
func (h *Handler) attempted(serve endpoint) endpoint {
	return func(w http.ResponseWriter, v *visit) error {
		err := serve(w, v)
		if why := whyRefused(err); why != "" {
			h.refused(why)
		}
		return err
	}
}

func (h *Handler) refused(why string) {
	if h.OnRefused != nil {
		h.OnRefused(why)
	}
}

// whyRefused is empty of what is no refusal of the login: forms that are not
// ours, limits, faults.
func whyRefused(err error) string {
	var f *refusal
	switch {
	case errors.Is(err, idp.ErrUnavailable):
		return whyUnavailable
	case errors.Is(err, idp.ErrNotAllowed):
		return whyNotAllowed
	case errors.Is(err, idp.ErrMismatch):
		return whyMismatch
	case errors.As(err, &f):
		if over, ok := f.body.(templates.Over); ok {
			return string(over.What)
		}
	}
	return ""
}
