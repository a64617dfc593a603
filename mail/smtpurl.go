package mail

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"postern/idp"
)

// ReadSecret reads a secret from the file that an account's URL names.
type ReadSecret func(file string) (Secret, error)

// ParseAccount reads an account that is written as a URL:
//
//	sendgrid://?password-file=/run/secrets/sendgrid
//	ses://USER:PASSWORD@eu-central-1
//	smtp://USER:PASSWORD@mail.example:587?auth=scram-sha-256
//	smtps://mail.example
//
// The scheme is a provider, or smtp (STARTTLS; without TLS on loopback) or smtps
// (TLS from the start). Parameters: tls, auth, from, name, password-file, and for
// XOAUTH2 client-id, client-secret-file, refresh-token-file, token-url, scope,
// tenant-id. Errors never quote the URL: it may hold a password.
func ParseAccount(text string, read ReadSecret) (Account, error) {
	a, err := parseAccount(text, read)
	if err != nil {
		return Account{}, err
	}
	return a, a.Validate()
}

func parseAccount(text string, read ReadSecret) (Account, error) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		// The parser's error would show the URL, and with it the password.
		return Account{}, errors.New("not a URL such as smtp://mail.example:587, gmail://USER@ or sendgrid:// (in user and password, write @ as %40, / as %2F, ? as %3F, # as %23, % as %25)")
	}
	scheme := u.Scheme
	if scheme == "smtp" || scheme == "smtps" {
		scheme = relay
	}
	p, known := findProvider(scheme)
	if !known {
		return Account{}, fmt.Errorf("%q: smtp, smtps or a provider (%s)", u.Scheme, providerNames())
	}
	a := Account{Name: p.Name, Provider: p.Name, User: u.User.Username()}
	password, _ := u.User.Password()
	a.Password = Secret(password)
	if err := a.place(p, u); err != nil {
		return Account{}, err
	}
	if err := a.parameters(u.RawQuery, p, read); err != nil {
		return Account{}, err
	}
	a.fill(p)
	return a, nil
}

func providerNames() string {
	names := make([]string, 0, len(providers))
	for _, p := range providers {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// place finds host, port and TLS.
func (a *Account) place(p Provider, u *url.URL) (err error) {
	if p.Name == relay {
		a.Host, a.Port, a.TLS = u.Hostname(), 587, StartTLS
		switch loopback := idp.IsLoopback(a.Host); {
		case u.Scheme == "smtps":
			a.Port, a.TLS = 465, ImplicitTLS
		case loopback && u.Scheme == relay:
			a.Port, a.TLS = 25, NoTLS
		case loopback:
			a.TLS = NoTLS
		}
	} else {
		a.Port = p.Ports[0]
		if a.Host, err = p.server(u.Hostname()); err != nil {
			return err
		}
	}
	if port := u.Port(); port != "" {
		if a.Port, err = strconv.Atoi(port); err != nil {
			return fmt.Errorf("port %q", port)
		}
	}
	if p.Name != relay {
		if !slices.Contains(p.Ports, a.Port) {
			return fmt.Errorf("%s does not listen on port %d but on %s", p.Title, a.Port, listOf(p.Ports))
		}
		a.TLS = StartTLS
		if implicitTLS(a.Port) {
			a.TLS = ImplicitTLS
		}
	}
	return nil
}

// parameters reads what stands behind the question mark. Each counts once.
func (a *Account) parameters(query string, p Provider, read ReadSecret) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("parameters: name=value, joined by &")
	}
	oauth := OAuth{TokenURL: p.TokenURL, Scope: p.Scope}
	var organisation string
	texts := map[string]*string{
		"tls": (*string)(&a.TLS), "auth": (*string)(&a.Auth), "name": &a.Name,
		"client-id": &oauth.ClientID, "token-url": &oauth.TokenURL, "scope": &oauth.Scope, "tenant-id": &organisation,
	}
	secrets := map[string]*Secret{
		"password-file": &a.Password, "client-secret-file": &oauth.ClientSecret, "refresh-token-file": &oauth.RefreshToken,
	}
	for name, all := range values {
		value := all[len(all)-1]
		switch into, secret := texts[name], secrets[name]; {
		case into == nil && secret == nil && name != "from":
			// What it is called is not told: it may be the rest of a password with a
			// question mark.
			return fmt.Errorf("what stands behind the ? is %s, from, %s, each with a value (in a password, write ? as %%3F)",
				listed(texts), listed(secrets))
		case len(all) > 1:
			return fmt.Errorf("parameter %s is there twice", name)
		case into != nil:
			*into = value
		case secret != nil:
			if *secret, err = read(value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		default:
			if a.From, err = idp.ParseAddress(value); err != nil {
				return fmt.Errorf("from: %w", err)
			}
		}
	}
	if oauth.ClientID != "" {
		oauth.TokenURL = strings.Replace(oauth.TokenURL, "TENANT", url.PathEscape(organisation), 1)
		if organisation == "" && strings.Contains(p.TokenURL, "TENANT") && !values.Has("token-url") {
			return errors.New("client-id of Microsoft 365 wants tenant-id, too")
		}
		if oauth.RefreshToken != "" && !values.Has("scope") {
			oauth.Scope = "" // what was granted with the token
		}
		a.OAuth = &oauth
	}
	return nil
}

// fill adds what the provider says where the URL is silent.
func (a *Account) fill(p Provider) {
	switch {
	case p.User != "" && a.User == "":
		a.User = p.User
	case p.User != "" && a.Password == "": // sendgrid://KEY@
		a.User, a.Password = p.User, Secret(a.User)
	case p.UserIsPassword && a.Password == "":
		a.Password = Secret(a.User)
	case p.UserIsPassword && a.User == "":
		a.User = string(a.Password)
	}
	if a.Auth != NoAuth {
		return
	}
	switch {
	case a.OAuth != nil:
		a.Auth = XOAuth2
	case a.User == "":
	case p.Auth != NoAuth:
		a.Auth = p.Auth
	default:
		a.Auth = Plain
	}
}

// ShowsSecret tells that an account's URL holds a secret itself, rather than the
// name of a file with it.
func ShowsSecret(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return strings.Contains(text, "@") // it may, for all that we can tell
	}
	p, _ := findProvider(u.Scheme)
	_, password := u.User.Password()
	user := u.User.Username()
	return password || user != "" && (p.UserIsPassword || p.User != "" && p.User != user)
}

// ParseAccounts reads a list of accounts, in the order in which they are tried.
// Names that are taken get a number.
func ParseAccounts(texts []string, read ReadSecret) ([]Account, error) {
	var accounts []Account
	for _, text := range texts {
		a, err := ParseAccount(text, read)
		if err != nil {
			return nil, err
		}
		a.Name = freeName(accounts, a.Name)
		accounts = append(accounts, a)
	}
	return accounts, nil
}

func freeName(accounts []Account, name string) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(accounts, func(a Account) bool { return a.Name == name })
	}
	free := name
	for n := 2; taken(free); n++ {
		free = name + "-" + strconv.Itoa(n)
	}
	return free
}

func listed[V any](parameters map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(parameters)), ", ")
}

func listOf(ports []int) string {
	texts := make([]string, 0, len(ports))
	for _, port := range ports {
		texts = append(texts, strconv.Itoa(port))
	}
	return strings.Join(texts, ", ")
}
