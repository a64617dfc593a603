package main

import (
	"io"

	"postern/config"
)

type configExampleCmd struct{}

// Run prints a settings file to begin with.
func (configExampleCmd) Run(term *terminal) error {
	_, err := io.WriteString(term.stdout, config.Example())
	return err
}
