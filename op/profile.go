package op

import (
	"slices"

	"postern/idp"
)

// profile refuses what a client has registered not to do.
func (d *reading) profile() error {
	if d.client.Metadata.RequirePushedRequests && !d.pushed {
		return invalidRequest("this client must use pushed authorization requests (PAR)")
	}
	return nil
}

// profiledAlgs are those of FAPI 2.0 Security Profile §5.4.1.
var profiledAlgs = []idp.Alg{idp.PS256, idp.ES256, idp.EdDSA}

// profiled tells whether a client's profile lets it sign with an algorithm.
func profiled(c idp.Client, alg idp.Alg) bool {
	return c.Metadata.Profile != idp.ProfileFAPI2 || slices.Contains(profiledAlgs, alg.Usual())
}
