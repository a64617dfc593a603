package main

import (
	"context"

	"postern/config"
	"postern/storage"
)

type backupCmd struct {
	File string `arg:"" type:"path" help:"A file that is not there yet."`
	JSON bool   `name:"json" help:"JSON on stdout."`
}

// Run copies the database beside the running server. The master key is not in
// it: whoever has the copy alone has no secret that was sealed.
func (c backupCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	if err := storage.Backup(ctx, in.DatabaseURL(), c.File); err != nil {
		return err
	}
	return term.tell(c.JSON, map[string]string{"backup": c.File},
		"%s holds the database as it is now; keep the master key (%s) elsewhere", c.File, in.MasterKeyPath())
}
