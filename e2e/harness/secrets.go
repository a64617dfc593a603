package harness

import (
	"fmt"
	"regexp"
	"strings"
)

// Secrets have shapes that nothing else has that belongs into a log: 43 letters
// of base64url or more, a relay code, a token or a code in a query. Ids are
// shorter, and hashes of assets are in paths.
var secretShapes = []*regexp.Regexp{
	regexp.MustCompile(`[A-Za-z0-9_-]{43,}`),
	regexp.MustCompile(`(?:^|[^0-9A-Za-z-])[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}(?:$|[^0-9A-Za-z-])`),
	regexp.MustCompile(`(?i)\b(token|code|secret|password|assertion|cookie)=[^\s"&]`),
}

// CheckLogs gives an error that names the first lines of a log that hold what
// looks like a secret. Every process that tests start is held to it at its end.
func CheckLogs(logs string) error {
	var found []string
	for line := range strings.Lines(logs) {
		for _, shape := range secretShapes {
			at := shape.FindStringIndex(line)
			if at != nil && !strings.HasPrefix(line[at[0]:], "Test") && len(found) < 5 { // but for the folder of a test
				found = append(found, fmt.Sprintf("%s…: %.300s", line[at[0]:min(at[0]+8, at[1])], line))
				break
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("the log holds what looks like a secret:\n%s", strings.Join(found, "\n"))
}
