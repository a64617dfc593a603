package login

// ParseAnswer reads what a person brought over from the mail: its relay code, or
// that it is a link.
func ParseAnswer(text string) (code string, isLink, ok bool) {
	a, ok := parseAnswer(text)
	return a.code, a.link != nil, ok
}
