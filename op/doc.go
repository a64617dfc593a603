// Package op is the OpenID Provider: the endpoints that clients speak to.
//
//	GET /authorize --valid--> session suffices? --yes--> code to the client
//	     |                        |no                        ^
//	     |bad client or URI       v                          |
//	     v                    login room ---- signed in -----+
//	  error page
//	POST /token --code or refresh token--> ID token, access token, refresh token
//	GET /userinfo, POST /introspect --access token--> what stands behind it
//	POST /revoke, GET /end_session --> the end of it
//
// The token, userinfo, revocation and introspection endpoints are methods of an
// op.Server of zitadel/oidc, which parses their requests; the others stand
// beside it on chi. It is the only package that imports that library.
//
// It must never answer with the cause of an error: everything that goes wrong
// leaves through fail. It must never compare a secret other than by idp.Digest,
// and never redirect to a URI before client and URI are known to belong together.
package op
