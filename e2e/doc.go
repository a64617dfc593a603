// Package e2e holds the black-box tests: they build the program, start it as a
// process of its own, and drive it by HTTP, by SMTP and by Chromium. They know
// of it what docs and metadata say, and nothing else.
package e2e
