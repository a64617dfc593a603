// Package mail drives the built program's mail over real connections: a Postfix
// with STARTTLS, TLS from the start and Cyrus SASL, and servers with every fault
// that a mail server can have.
package mail
