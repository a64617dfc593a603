// Package idp holds Postern's domain: tenants, clients, users, sessions, login
// flows, magic links, grants, addresses and limits, and the rules that hold
// whatever database or transport is behind them.
//
// It imports the standard library and golang.org/x/net/idna only. It must never
// learn of HTTP handlers, SQL or a library's types: every other room speaks to
// the next one in these words.
//
// Time is always given by the caller, never read here.
package idp
