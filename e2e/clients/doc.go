// Package clients runs OpenID Connect client libraries as they are published,
// each in a process of its own, against the built program: what a library of the
// world expects of a provider is written down nowhere else.
//
// What each is told is on its page in docs/clients: the command that registers
// it is read from there, and what the page shows is part of what is run here.
//
// Libraries for Node come by npm, those for Python by pip, at the versions that
// the lock files here name, into a cache outside the clone. Those that need Apache,
// Ruby, Java or Rust are behind the build tag toolchains (make clients). The
// person is played by the harness.
package clients
