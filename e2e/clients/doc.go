// Package clients runs OpenID Connect client libraries as they are published,
// each in a process of its own, against the built program: what a library of the
// world expects of a provider is written down nowhere else.
//
// Libraries for Node come by npm, those for Python by pip, at the versions that
// the lock files here name, into a cache outside the clone. The person is played
// by the harness.
package clients
