// Package sqlite is the store on one machine: SQLite in a file, without cgo.
//
// All writes go through one connection. Callers hand it their step; it runs the
// steps that wait, each in a savepoint of its own, and makes them durable with
// one commit, so that many logins share one fsync:
//
//	step --\                        /--> answer
//	step ---> BEGIN, SAVEPOINT each, COMMIT --> answer
//	step --/                        \--> answer
//
// No answer is given before the commit. Readers have connections of their own
// and never wait for the writer (WAL). Other processes may write the same file;
// their turn is waited for.
//
// What was committed stays committed, also when power is lost right after
// (synchronous=FULL): a used link must stay used. The package never shows a
// driver's error to its callers without one of idp's in the chain where there
// is one for it, and never reads the clock.
package sqlite
