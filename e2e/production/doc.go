// Package production drives `postern serve` as an operator runs it: https with
// a certificate of its own, mail over SMTP, the default limits, and two
// processes over one database behind a balancer that goes by /readyz.
package production
