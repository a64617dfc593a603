package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Prefix begins the name of each environment variable.
const Prefix = "POSTERN"

// Groups are the parts that help, reference and example are divided into, in order.
func Groups() []kong.Group {
	return []kong.Group{
		{Key: groupInstance, Title: "The instance, for every command"},
		{Key: "address", Title: "Address"},
		{Key: "mail", Title: "Mail"},
		{Key: "network", Title: "Network"},
		{Key: "watch", Title: "To be watched"},
	}
}

const groupInstance = "instance"

// Setting is one setting, by all its names.
type Setting struct {
	Name        string // in the file, and the flag after "--"
	Variable    string // in the environment
	Group       string
	Type        string
	Placeholder string
	Default     string
	Help        string
	Example     string
	Required    bool
	// InFile is false of the flag that names the file.
	InFile bool
}

// Settings gives those of the instance and of `postern serve`, by group.
func Settings() []Setting {
	var all struct {
		Instance `embed:""`
		Serve    `embed:""`
	}
	parser, err := kong.New(&all, kong.DefaultEnvars(Prefix), kong.ExplicitGroups(Groups()))
	if err != nil {
		panic("config: settings: " + err.Error()) // the tags are wrong
	}
	var settings []Setting
	for _, flag := range parser.Model.Flags {
		if flag.Name != "help" {
			settings = append(settings, settingOf(flag))
		}
	}
	order := func(s Setting) int {
		return slices.IndexFunc(Groups(), func(g kong.Group) bool { return g.Key == s.Group })
	}
	slices.SortStableFunc(settings, func(a, b Setting) int { return order(a) - order(b) })
	return settings
}

func settingOf(flag *kong.Flag) Setting {
	s := Setting{
		Name: flag.Name, Variable: flag.Envs[0], Type: typeOf(flag), Placeholder: flag.PlaceHolder,
		Default: flag.Default, Help: flag.Help, Example: flag.Tag.Get("example"), Required: flag.Required,
		InFile: flag.Target.Type() != reflect.TypeFor[FilePath](),
	}
	if flag.Group != nil {
		s.Group = flag.Group.Key
	}
	return s
}

func typeOf(flag *kong.Flag) string {
	switch flag.Target.Kind() {
	case reflect.Slice:
		return "list"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "number"
	default:
		return "text"
	}
}

// check refuses a value of the file that is of the wrong type, or that the flag
// would refuse, too.
func check(flag *kong.Flag, value any) error {
	wants := typeOf(flag)
	var right bool
	switch v := value.(type) {
	case string:
		right = wants == "text"
	case bool:
		right = wants == "true or false"
	case int64:
		right = wants == "number"
	case []any:
		right = wants == "list" && !slices.ContainsFunc(v, func(one any) bool { _, text := one.(string); return !text })
	}
	if !right {
		how := map[string]string{
			"text": `"…"`, "list": `["…", "…"]`, "true or false": "true", "number": "8",
		}[wants]
		return fmt.Errorf("%s: write %s = %s", flag.Name, flag.Name, how)
	}
	scratch := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), scratch); err != nil {
		return fmt.Errorf("%s: %s", flag.Name, strings.TrimPrefix(err.Error(), "--"+flag.Name+": "))
	}
	return nil
}
