// Package cluster runs several processes of the built program as one provider:
// behind a balancer, on one database, mailing through one SMTP server, and ends
// any of them by its pid whenever a test likes.
//
//	browsers --> Balancer --> Process 0..n-1 --> database
//	                              |
//	                              +--SMTP--> Sink
//
// Like package harness, it knows what INTERFACES promises and nothing else of
// the program.
package cluster
