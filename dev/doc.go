// Package dev is what postern dev shows beside the provider: a demo relying
// party in two forms (a web app with a server behind it, and a single-page
// app), the mailbox page, and the mailbox as JSON for tests.
//
//	/dev/app           the web app; /dev/app/login, callback, refresh, logout
//	/dev/spa           the single-page app; /dev/spa/callback is the same page
//	/dev/mail          the mailbox
//	/dev/api/mail      the mailbox as JSON
//	/dev/assets/       stylesheet and scripts
//
// It is a client like any other: it knows the provider by its issuer alone and
// checks all that a client must check. It must never be mounted by serve, for
// whoever sees the mailbox can sign in as anyone.
package dev
