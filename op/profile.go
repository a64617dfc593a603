package op

import (
	"slices"
	"strings"

	"postern/idp"
)

// profile refuses what a client has registered not to do.
func (d *reading) profile() error {
	m := d.client.Metadata
	switch {
	case m.RequirePushedRequests && !d.pushed:
		return invalidRequest("this client must use pushed authorization requests (PAR)")
	case m.RequireSignedRequests && !d.signed:
		return invalidRequest("this client must sign its requests as request objects")
	case m.Profile == idp.ProfileFAPI2Signed && m.ResponseAlg != "" && !strings.HasSuffix(d.req.ResponseMode, modeSigned):
		return invalidRequest("this client must ask for signed responses: response_mode=jwt")
	}
	return nil
}

// profiled tells whether a client's profile lets it sign with an algorithm.
func profiled(c idp.Client, alg idp.Alg) bool {
	return !c.FAPI() || slices.Contains(idp.ProfiledAlgs, alg.Usual())
}
