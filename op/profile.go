package op

import "postern/idp"

// profile refuses what a client has registered not to do: an authorization
// request that was not pushed, or one whose tokens would not be bound to a key.
// Pushed requests and DPoP are not there yet, so such a client is not served at
// all rather than with less than it relies on. The FAPI 2.0 profile has both.
func (d *reading) profile() error {
	if d.client.Metadata.RequirePushedRequests {
		return invalidRequest("this client must use pushed authorization requests (PAR)")
	}
	if d.client.Metadata.DPoPBoundTokens {
		return invalidRequest("this client must use DPoP, which this provider does not support yet")
	}
	return nil
}

// bound refuses a client whose tokens must be bound to a key.
func bound(c idp.Client) error {
	if c.Metadata.DPoPBoundTokens {
		return refuse("invalid_dpop_proof", "this client must use DPoP, which this provider does not support yet")
	}
	return nil
}
