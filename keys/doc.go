// Package keys holds what must never be in the database in the clear: the
// master key, what is sealed and authenticated under it (Box), and the tenants'
// signing keys (Ring).
//
//	master.key --HKDF--> key of (tenant, purpose) --AES-256-GCM--> sealed text
//	                                              --HMAC-SHA256--> MAC
//	sealed PKCS #8 --Box--> parsed, precomputed signer --JWS--> tokens
//
// It must never print, log or store a private key or the master key, and never
// gives a reason why something did not open.
package keys
