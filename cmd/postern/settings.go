package main

import (
	"fmt"
	"regexp"
	"strings"
)

// remarks are what the help of set says of its settings besides their names.
var remarks = regexp.MustCompile(`\([^)]*\)|\. .*`)

// noSuchSetting refuses a key that set does not know, and names one that it is
// part of, or that is part of it, from the command's help.
func noSuchSetting(key, of, help string) error {
	meant := ""
	for name := range strings.SplitSeq(remarks.ReplaceAllString(help, ""), ",") {
		name = strings.TrimSpace(name)
		if meant == "" && key != "" && (strings.Contains(name, key) || strings.Contains(key, name)) {
			meant = fmt.Sprintf(", did you mean %s?", name)
		}
	}
	return fmt.Errorf("there is no such setting%s; `postern %s set --help` lists them", meant, of)
}
