// Package harness drives the built program from outside, as its users and its
// attackers do: it starts the process, reads the mailbox API, and sends
// requests by a scripted HTTP browser and by Chromium.
//
// It knows what INTERFACES promises and nothing else of the program: it must
// never import a room.
package harness
