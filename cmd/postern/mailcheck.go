package main

import (
	"context"

	"postern/mail"
)

// greetServers tries the mail servers that serve was started with, and tells of
// those that refuse. That ends nothing: whoever is signed in stays so, apps
// renew their tokens, tenants with servers of their own send, and a server that
// is away now may be back with the next mail.
func (a *app) greetServers(ctx context.Context) {
	for _, account := range a.accounts {
		tried := mail.Greet(ctx, account, a.from.Address.Domain(), nil)
		switch {
		case tried.Err == nil:
			a.term.log.InfoContext(ctx, "mail server is there", "server", account.Server())
		case ctx.Err() == nil:
			a.term.log.ErrorContext(ctx, "mail server refuses: nobody gets a mail by it until that is mended",
				"server", account.Server(), "step", tried.Failed, "error", tried.Words, "mend", tried.Hint)
		}
	}
}
