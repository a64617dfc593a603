// Package login is the person's side of a login: the address page, the waiting
// page with its relay code, the mailed link, consent, and the browser's session.
//
//	GET  /auth/login ---------- the address page; nothing is written
//	POST /auth/cancel --------- access_denied to the client
//	POST /auth/login ---------- flow and outbox entry, 303 to the waiting page
//	GET  /auth/waiting -------- asked: the page; completed: on to the client, once
//	GET  /auth/waiting/state -- the same as JSON, for the page's script
//	POST /auth/resend --------- another mail
//	POST /auth/code ----------- relay code or pasted link, from the waiting page
//	GET  /auth/verify --------- the mailed link; inert
//	POST /auth/verify --------- the link's button, in the browser that asked
//	POST /auth/finish --------- "continue here", where the waiting tab finishes
//	GET, POST /auth/consent --- may a third-party client have what it asks for
//	POST /auth/consent/cancel - access_denied to the client
//	GET  /auth/account -------- the person's own page, after a fresh login
//	POST /auth/account -------- the same flow for a new address, 303 to its waiting page
//	POST /auth/account/signout, /everywhere, /access
//	                            end another session, all there is, an app's access
//	GET  /auth/assets/brand/* - a tenant's colours and logo
//
// What it must never do: advance a login for a browser without the secret of
// the one that asked; write anything on GET or HEAD of a link; answer a known
// address otherwise than an unknown one; let a token, a cookie or a cause into
// a page or a log.
package login
