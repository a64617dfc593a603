package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"postern/config"
	"postern/idp"
	"postern/keys"
	"postern/storage"
)

// openStore opens the database that an instance names. Only the data folder may be made on the way.
func openStore(ctx context.Context, in config.Instance) (storage.Store, error) {
	if err := makeFolder(in); err != nil {
		return nil, err
	}
	return storage.Open(ctx, in.DatabaseURL())
}

// openSealed opens the database and the box that its secrets are sealed in, once
// it is known to be the right one.
func openSealed(ctx context.Context, in config.Instance) (storage.Store, *keys.Box, error) {
	master, err := keys.LoadMaster(in.MasterKeyPath())
	if err != nil {
		return nil, nil, err
	}
	store, err := openStore(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	box := keys.NewBox(master)
	if err := checkMaster(ctx, in, store, box); err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return store, box, nil
}

// checkMaster refuses a master key that the database's secrets do not open with:
// signing keys would be lost, and new ones made that other processes cannot use.
func checkMaster(ctx context.Context, in config.Instance, store storage.Store, box *keys.Box) error {
	err := keys.Check(ctx, store, box)
	if errors.Is(err, keys.ErrOtherMaster) {
		return fmt.Errorf("%s: %w: bring that one back, or correct --master-key-file or --database", in.MasterKeyPath(), err)
	}
	return err
}

// makeFolder makes the data folder, for nobody else to read.
func makeFolder(in config.Instance) error {
	if in.Database != "" && in.MasterKeyFile != "" {
		return nil
	}
	if err := os.MkdirAll(in.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

// withTenant opens the store, finds the tenant, and closes the store afterwards.
func withTenant(ctx context.Context, in config.Instance, slug string, do func(storage.Store, idp.Tenant) error) error {
	store, err := openStore(ctx, in)
	if err != nil {
		return err
	}
	return errors.Join(withTenantOf(ctx, store, slug, do), store.Close())
}

func withTenantOf(ctx context.Context, store storage.Store, slug string, do func(storage.Store, idp.Tenant) error) error {
	t, err := store.FindTenantBySlug(ctx, slug)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		err = fmt.Errorf("there is no tenant %q; `postern tenant list` shows them", slug)
	case err == nil:
		err = do(store, t)
	}
	return err
}

type migrateCmd struct {
	JSON bool `name:"json" help:"JSON on stdout."`
}

// Run brings the schema up.
func (c migrateCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	if err := makeFolder(in); err != nil {
		return err
	}
	if err := storage.Migrate(ctx, in.DatabaseURL()); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(term.stdout, map[string]bool{"up_to_date": true})
	}
	_, err := fmt.Fprintln(term.stdout, "schema is up to date")
	return err
}

type versionCmd struct {
	JSON bool `name:"json" help:"JSON on stdout."`
}

// Run prints which build this is.
func (c versionCmd) Run(term *terminal) error {
	if c.JSON {
		return printJSON(term.stdout, map[string]string{"version": whichVersion()})
	}
	_, err := fmt.Fprintln(term.stdout, "postern "+whichVersion())
	return err
}

// version is what a release is built with; else the build's own is told.
var version string

func whichVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
