// Package attacks drives the built program as attackers would: real processes,
// over HTTP and SMTP, two over one database, on SQLite and on PostgreSQL. Each
// test is named by what the attacker tries, and docs/security.md says which
// threat it is of; each file is a theme.
//
// What one tenant gave must be nothing in another. That is generated: every
// endpoint of the router's own table (cmd/postern/testdata/routes.txt, which a
// test there holds to the router) gets every credential in every place where one
// is read. A credential is nothing where it is answered as noise of its shape
// is; that each is something at home shows that the comparison can fail. Both
// are tried on SQLite and on PostgreSQL.
//
// That the rest can fail is shown by e2e/mutations: a patch takes each
// countermeasure out, and its test has to notice.
package attacks
