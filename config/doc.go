// Package config holds every setting of Postern: one struct a command, whose
// tags are its flags, its environment, its place in the settings file and its
// help. What is wrong is said before anything starts, with how to mend it.
//
// docs/settings.md and the output of `postern config example` are made of the
// same tags, so that neither can tell of a setting that is not there.
package config
