// Package observe is what an operator sees of a running instance: metrics and
// traces. Each room has hooks of its own and knows nothing of this package; cmd
// brings them together.
//
//	edge.Recorder --route, method, status, time--> Metrics.Request
//	store, limits, transport (wrapped in cmd) ---> Metrics.*
//	a scrape -------------------------------------> Metrics.Handler
//
// Labels come from sets that are fixed in the program, so what strangers send
// makes no series. It must never be given a token, an address or a person's
// name: neither labels nor the attributes of spans hold any.
package observe
