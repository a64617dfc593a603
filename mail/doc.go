// Package mail gets the outbox's entries to the people they are for: it
// composes a login mail, mints its link, hands it to a transport, and keeps
// account of what became of it.
//
//	Wake or sweep -> claim -> not deliverable: dropped; suppressed: refused
//	                   |
//	                 mint the link, commit it -> hand over -> sent
//	Hold and Send: committed with the flow -------^
//	                                               |--> refused for now: queued again, later
//	                                               |--> refused for good, or too late: failed
//	                                               |--> not to this address: refused; no such mailbox: left alone for a day
//	                                               +--> answer lost after the data: unknown
//
// To hand over is to try one way after the other: the tenant's accounts, those
// that the instance keeps in the store, those that it was started with. Only a
// mail that a server surely has not taken goes another way.
//
// The token of a link exists in the mail only: it is made when the mail is
// sent, what is stored is its digest, and that is committed before any of the
// mail's data leaves. It must never be logged, nor anything that may quote it,
// such as a server's reply to the data. A mail whose data may have arrived is
// never sent again: the person can ask for another.
package mail
