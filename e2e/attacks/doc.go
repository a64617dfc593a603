// Package attacks drives the built program as attackers would, over HTTP alone.
// Each test is named by what the attacker tries.
//
// What one tenant gave must be nothing in another. That is generated: every
// endpoint of the router's own table (cmd/postern/testdata/routes.txt, which a
// test there holds to the router) gets every credential in every place where one
// is read. A credential is nothing where it is answered as noise of its shape
// is; that each is something at home shows that the comparison can fail. An
// endpoint that nobody has declared fails the test until somebody does.
package attacks
