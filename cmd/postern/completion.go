package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// scripts ask the program itself what may come next.
var scripts = map[string]string{
	"bash": `# source <(postern completion bash)
_postern() {
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$(postern complete -- "${COMP_WORDS[@]:1:COMP_CWORD}")" -- "${COMP_WORDS[COMP_CWORD]}"))
  [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}
complete -o default -F _postern postern
`,
	"zsh": `#compdef postern
# source <(postern completion zsh)
_postern() {
  local -a next
  next=("${(@f)$(postern complete -- "${(@)words[2,CURRENT]}")}")
  compadd -S '' -- ${(M)next:#*=} || compadd -- ${next:#*=} || _files
}
compdef _postern postern
`,
	"fish": `# postern completion fish | source
complete -c postern -a '(postern complete -- (commandline -opc)[2..] (commandline -ct))'
`,
}

// Run prints a script that makes the shell complete commands, flags and keys of settings.
func (c completionCmd) Run(term *terminal) error {
	_, err := fmt.Fprint(term.stdout, scripts[c.Shell])
	return err
}

type completeCmd struct {
	Words []string `arg:"" optional:"" help:"The words so far; the last is the one to complete."`
}

// Run prints what the last word may become, a candidate a line.
func (c completeCmd) Run(term *terminal, app *kong.Kong) error {
	var begun string
	words := c.Words
	if len(words) > 0 {
		begun, words = words[len(words)-1], words[:len(words)-1]
	}
	node := app.Model.Node
	for _, word := range words {
		i := slices.IndexFunc(node.Children, func(child *kong.Node) bool { return child.Name == word })
		if i >= 0 {
			node = node.Children[i]
		}
	}
	for _, candidate := range candidates(node) {
		if !strings.HasPrefix(candidate, begun) || begun == "" && strings.HasPrefix(candidate, "-") && len(node.Children) > 0 {
			continue // flags that every command has, where one is to be named first
		}
		if _, err := fmt.Fprintln(term.stdout, candidate); err != nil {
			return err
		}
	}
	return nil
}

// commandPath names a command by its words, without postern's own.
func commandPath(node *kong.Node) string {
	path, _, _ := strings.Cut(node.Path(), " <")
	return strings.TrimPrefix(path, "postern ")
}

// candidates are the commands below a node, the flags that count there, and the
// keys that it sets.
func candidates(node *kong.Node) []string {
	var all []string
	for _, child := range node.Children {
		if !child.Hidden {
			all = append(all, child.Name)
		}
	}
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			all = append(all, "--"+flag.Name)
		}
	}
	for _, s := range map[string]keyed{"tenant set": tenantKeys, "client set": clientKeys}[commandPath(node)] {
		all = append(all, s.key+"=")
	}
	slices.Sort(all)
	return slices.Compact(all)
}
