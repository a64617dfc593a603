// Command postern is a self-hosted, multi-tenant OpenID Provider whose only
// login is an emailed magic link.
//
// This package is the command line and the wiring of the rooms, nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"postern/config"
	"postern/edge"
	"postern/observe"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes, as scripts rely on them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// errUsage marks errors that are about how a command was called.
var errUsage = errors.New("wrong usage")

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errUsage, fmt.Errorf(format, args...))
}

// terminal is what a command may touch of the outside.
type terminal struct {
	stdout, stderr io.Writer
	clock          func() time.Time
	log            *slog.Logger
}

// run is main without the process: it gives the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var grammar cli
	code := exitDone
	exited := false
	parser, err := kong.New(&grammar,
		kong.Name("postern"),
		kong.Description("An OpenID Provider whose only login is an emailed magic link."),
		kong.DefaultEnvars(config.Prefix),
		kong.ExplicitGroups(config.Groups()),
		kong.Vars{"tenant_settings": tenantKeys.help(), "client_settings": clientKeys.help(), "version": "postern " + whichVersion()},
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.ValueFormatter(describe),
		kong.Exit(func(c int) { code, exited = c, true }),
	)
	if err != nil {
		panic("postern: command grammar: " + err.Error())
	}
	parsed, err := parser.Parse(args)
	if exited { // --help
		return code
	}
	if err != nil {
		complain(stderr, err.Error(), commandOf(err)+" --help shows how")
		return exitUsage
	}
	if err := grammar.Validate(); err != nil {
		complain(stderr, err.Error(), "")
		return exitUsage
	}
	term := &terminal{
		stdout: stdout, stderr: stderr, clock: now,
		log: newLog(stderr, grammar.LogLevel, parsed.Command()),
	}
	// The rooms are given their logger. What libraries write to the default one
	// may hold what ours never does, and calls errors what are refusals.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	parsed.BindTo(ctx, (*context.Context)(nil))
	return exitCode(stderr, parsed.Run(term, grammar.Instance))
}

// commandOf names the command that an error of the grammar is about, as far as it was named.
func commandOf(err error) string {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || wrong.Context.Selected() == nil {
		return "postern"
	}
	return wrong.Context.Selected().FullPath()
}

// describe is a flag's help with the default that it has.
func describe(v *kong.Value) string {
	text := kong.DefaultHelpValueFormatter(v)
	if v.Default == "" || strings.Contains(v.OrigHelp, "default: ") {
		return text
	}
	return text + " Default: " + v.Default + "."
}

// newLog logs JSON to stderr, so that stdout is the command's own.
func newLog(stderr io.Writer, level, command string) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if command == "dev" {
		options.Level = slog.LevelWarn
	}
	var asked slog.Level
	if asked.UnmarshalText([]byte(level)) == nil {
		options.Level = asked
	}
	return slog.New(edge.LogHandler{Handler: slog.NewJSONHandler(stderr, options), TraceID: observe.ID})
}

func exitCode(stderr io.Writer, err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errUsage):
		complain(stderr, strings.TrimPrefix(err.Error(), errUsage.Error()+": "), "")
		return exitUsage
	default:
		complain(stderr, err.Error(), "")
		return exitFailed
	}
}

// complain prints the one line that says what and how to mend it.
func complain(stderr io.Writer, what, hint string) {
	line := "postern: " + strings.ReplaceAll(strings.TrimSpace(what), "\n", " ")
	if hint != "" {
		line += " (" + hint + ")"
	}
	_, _ = fmt.Fprintln(stderr, line)
}

// cli is the grammar of the command line.
type cli struct {
	config.Instance `embed:""`
	// VersionAsked is what other programs have for the command.
	VersionAsked kong.VersionFlag `name:"version" hidden:"" env:"-" help:"Print the version."`

	Dev     devCmd     `cmd:"" help:"Everything with no set-up: demo tenant, demo app, mailbox page."`
	Serve   serveCmd   `cmd:"" help:"Serve in production."`
	Migrate migrateCmd `cmd:"" help:"Bring the database schema up to this version."`
	Tenant  struct {
		Create tenantCreateCmd `cmd:"" help:"Add a tenant."`
		List   tenantListCmd   `cmd:"" help:"List the tenants."`
		Set    tenantSetCmd    `cmd:"" help:"Change settings of a tenant."`
		Show   tenantShowCmd   `cmd:"" help:"Show the settings of a tenant."`
		Delete tenantDeleteCmd `cmd:"" help:"Take a tenant away with all that is in it."`
	} `cmd:"" help:"Tenants: the islands, each an issuer of its own."`
	Client struct {
		Create clientCreateCmd `cmd:"" help:"Add a client."`
		Import clientImportCmd `cmd:"" help:"Add or replace clients from a JSON list of RFC 7591 metadata."`
		List   clientListCmd   `cmd:"" help:"List a tenant's clients."`
		Show   clientShowCmd   `cmd:"" help:"Show the settings of a client."`
		Set    clientSetCmd    `cmd:"" help:"Change settings of a client, or its secret."`
		Delete clientDeleteCmd `cmd:"" help:"Take a client away, and its tokens."`
		Token  clientTokenCmd  `cmd:"" help:"Make a token with which apps register themselves."`
		Secret struct {
			Add  clientSecretAddCmd  `cmd:"" help:"Give a client a second secret; both are good."`
			Drop clientSecretDropCmd `cmd:"" help:"Take the older of two secrets away."`
		} `cmd:"" help:"Replace a client's secret while both are good."`
	} `cmd:"" help:"Clients: a tenant's apps."`
	API struct {
		Create apiCreateCmd `cmd:"" help:"Add an API."`
		List   apiListCmd   `cmd:"" help:"List a tenant's APIs."`
		Delete apiDeleteCmd `cmd:"" help:"Take an API out."`
	} `cmd:"" name:"api" help:"APIs: what a tenant's access tokens may be for."`
	User struct {
		Invite  userInviteCmd  `cmd:"" help:"Give an address an account."`
		List    userListCmd    `cmd:"" help:"List a tenant's users."`
		Set     userSetCmd     `cmd:"" help:"Change what apps are told of a person."`
		Disable userDisableCmd `cmd:"" help:"Sign a user out everywhere and let them in no more."`
		Enable  userEnableCmd  `cmd:"" help:"Let a disabled user sign in again."`
		SignOut userSignOutCmd `cmd:"" help:"End all sessions and tokens of a user."`
		Delete  userDeleteCmd  `cmd:"" help:"Take away a user and all that is theirs, but for the audit log."`
	} `cmd:"" help:"Users: a tenant's people."`
	Session struct {
		List   sessionListCmd   `cmd:"" help:"List sessions that are alive."`
		Revoke sessionRevokeCmd `cmd:"" help:"End a session and every token that stands on it."`
	} `cmd:"" help:"Sessions: browsers that are signed in."`
	Consent struct {
		List   consentListCmd   `cmd:"" help:"List what a user has agreed to."`
		Revoke consentRevokeCmd `cmd:"" help:"Take back what a user has agreed to for an app."`
	} `cmd:"" help:"Consents: what people let somebody else's apps have."`
	Key struct {
		List   keyListCmd   `cmd:"" help:"List a tenant's keys."`
		Rotate keyRotateCmd `cmd:"" help:"Sign with new keys from the next hour on, or at once."`
		Revoke keyRevokeCmd `cmd:"" help:"Take a key out of use at once, with all that it signed."`
	} `cmd:"" help:"A tenant's signing keys."`
	Mail   mailCommands `cmd:"" help:"Mail: by which servers it goes out, and how it is signed."`
	Config struct {
		Example configExampleCmd `cmd:"" help:"Print a commented file with every setting of serve."`
	} `cmd:"" help:"The settings file."`
	Audit struct {
		List  auditListCmd  `cmd:"" help:"List a tenant's newest events."`
		Prune auditPruneCmd `cmd:"" help:"Delete a tenant's old events."`
	} `cmd:"" help:"The audit log: what was done, and by whom."`
	Doctor     doctorCmd     `cmd:"" help:"Look at mail, DNS, issuers, clocks and proxies from outside, and say how to mend what is wrong."`
	Backup     backupCmd     `cmd:"" help:"Copy the SQLite database into a file, beside a running server."`
	Completion completionCmd `cmd:"" help:"Print a script with which the shell completes commands and flags."`
	Complete   completeCmd   `cmd:"" hidden:"" help:"Print what may come next."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}
