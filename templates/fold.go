package templates

import (
	"text/template/parse"
)

// fold puts into a parsed template, once and for all, what its language alone
// decides: the words, the names of assets and {{lang}} become text. Most of what a
// page holds is such words, and asking the catalogue for each of them, through
// reflection and an escaper, was most of what a page cost. The template must not
// have been executed; escape makes text of a word, as the template's kind wants.
func (c catalogue) fold(tree *parse.Tree, hashed map[string]string, escape func(string) string) error {
	if tree == nil || tree.Root == nil {
		return nil
	}
	f := folder{words: c, hashed: hashed, escape: escape}
	return f.list(tree.Root)
}

type folder struct {
	words  catalogue
	hashed map[string]string
	escape func(string) string
}

func (f folder) list(l *parse.ListNode) error {
	if l == nil {
		return nil
	}
	for i, n := range l.Nodes {
		if err := f.branches(n); err != nil {
			return err
		}
		action, ok := n.(*parse.ActionNode)
		if !ok {
			continue
		}
		text, constant, err := f.constant(action.Pipe)
		if err != nil {
			return err
		}
		if constant {
			l.Nodes[i] = &parse.TextNode{NodeType: parse.NodeText, Pos: action.Pos, Text: []byte(f.escape(text))}
		}
	}
	return nil
}

// branches folds what lies within a node.
func (f folder) branches(n parse.Node) error {
	var b *parse.BranchNode
	switch n := n.(type) {
	case *parse.IfNode:
		b = &n.BranchNode
	case *parse.RangeNode:
		b = &n.BranchNode
	case *parse.WithNode:
		b = &n.BranchNode
	default:
		return nil
	}
	if err := f.list(b.List); err != nil {
		return err
	}
	return f.list(b.ElseList)
}

// constant gives the text of a pipeline that is one call of a function whose
// arguments are all written out.
func (f folder) constant(p *parse.PipeNode) (string, bool, error) {
	if len(p.Decl) > 0 || len(p.Cmds) != 1 {
		return "", false, nil
	}
	name, ok := p.Cmds[0].Args[0].(*parse.IdentifierNode)
	if !ok {
		return "", false, nil
	}
	var args []string
	for _, arg := range p.Cmds[0].Args[1:] {
		text, ok := arg.(*parse.StringNode)
		if !ok {
			return "", false, nil
		}
		args = append(args, text.Text)
	}
	switch {
	case name.Ident == "lang" && len(args) == 0:
		return f.words.locale, true, nil
	case name.Ident == "asset" && len(args) == 1:
		return f.hashed[args[0]], true, nil
	case name.Ident == "t" && len(args) > 0:
		values := make([]any, len(args)-1)
		for i, arg := range args[1:] {
			values[i] = arg
		}
		text, err := f.words.say(args[0], values...)
		return text, true, err
	default:
		return "", false, nil
	}
}
