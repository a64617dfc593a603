package op

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"postern/idp"
)

// presented is an access token as it came: a bearer's, or by DPoP with a key.
type presented struct {
	token string
	byKey bool
	key   *proof
}

// presentedToken reads the token of a request: from the header by either scheme,
// or a bearer's from a form (RFC 6750 §2, RFC 9449 §7.1).
func presentedToken(w http.ResponseWriter, r *http.Request) (presented, error) {
	fromForm := ""
	if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "" {
		form, err := readForm(w, r)
		if err != nil {
			return presented{}, err
		}
		if err := once(form); err != nil {
			return presented{}, bearerRequest("a parameter is there more than once")
		}
		fromForm = form.Get("access_token")
	}
	headers := r.Header.Values("Authorization")
	switch {
	case len(headers) > 1, len(headers) == 1 && fromForm != "":
		return presented{}, bearerRequest("the token is there more than once")
	case len(headers) == 0 && fromForm == "":
		// Who sent nothing is told no error, only what to send (RFC 6750 §3.1).
		return presented{}, &refusal{
			status: http.StatusUnauthorized, code: "invalid_token", description: "an access token is missing",
			challenge: `Bearer realm="postern", ` + dpopChallenge,
		}
	case len(headers) == 0:
		return presented{token: fromForm}, nil
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	token = strings.TrimSpace(token)
	byKey := strings.EqualFold(scheme, "DPoP")
	switch {
	case token == "" || !byKey && !strings.EqualFold(scheme, "Bearer"):
		return presented{}, invalidToken(errors.New("no token in the header"))
	case byKey && r.Header.Get("DPoP") == "":
		return presented{}, challenged(invalidProof("the DPoP proof is missing"))
	}
	return presented{token: token, byKey: byKey}, nil
}

// keyOf gives the proof that goes with a token, which has to come by the key
// that it is bound to, and by none if it is bound to none (RFC 9449 §7.1, §7.2).
func keyOf(ctx context.Context, c idp.Confirmation) (*proof, error) {
	given := callOf(ctx)
	switch {
	case given.byKey != (c.JKT != ""):
		return nil, invalidToken(errors.New("a token bound to a key was sent as a bearer's, or the reverse"))
	case given.byKey && given.key.jkt != c.JKT:
		return nil, challenged(invalidProof("the DPoP proof is not by the key of the access token"))
	}
	if c.X5T != "" && c.X5T != certificateThumbprint(ctx) {
		return nil, invalidToken(errors.New("not with the certificate that the token is bound to"))
	}
	return given.key, nil
}

func bearerRequest(description string) *refusal {
	f := invalidRequest("%s", description)
	f.challenge = `Bearer realm="postern", error="invalid_request"`
	return f
}

func invalidToken(cause error) *refusal {
	return &refusal{
		status: http.StatusUnauthorized, code: "invalid_token", description: "the access token is not good here",
		challenge: `Bearer realm="postern", error="invalid_token"`, cause: cause,
	}
}

// dpopChallenge says by what proofs may be signed (RFC 9449 §7.1).
var dpopChallenge = `DPoP algs="` + strings.Join(names(idp.AssertionAlgs), " ") + `"`

// challenged makes what is wrong with a proof what a protected resource says of
// it (RFC 9449 §7.1, §9).
func challenged(err error) error {
	var f *refusal
	if !errors.As(err, &f) || f.code != "invalid_dpop_proof" && f.code != "use_dpop_nonce" {
		return err
	}
	f.status = http.StatusUnauthorized
	f.challenge = dpopChallenge + `, error="` + f.code + `"`
	return f
}
