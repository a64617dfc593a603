// Package fetch gets what clients say is at some URI: key sets, request
// objects, sector identifiers, logos. The URI is a stranger's, so the fetcher
// is guarded: it must never be a way into the network that Postern runs in.
//
//	URI -> https, no user info, no odd host -> resolve -> is the address public? -> connect
//	                                                       (the one dialled, so that a name that
//	                                                        changes its mind gets nowhere)
//
// It follows no redirects, knows no proxy, sends no cookie and no referrer,
// waits five seconds and reads 64 KiB, uncompressed.
package fetch
