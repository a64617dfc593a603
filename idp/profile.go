package idp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Profile are the standard claims about a person beside their address of email
// (OpenID Connect Core §5.1). A claim that is not known is its zero value.
type Profile struct {
	Name                string         `json:"name,omitempty"`
	GivenName           string         `json:"given_name,omitempty"`
	FamilyName          string         `json:"family_name,omitempty"`
	MiddleName          string         `json:"middle_name,omitempty"`
	Nickname            string         `json:"nickname,omitempty"`
	PreferredUsername   string         `json:"preferred_username,omitempty"`
	ProfilePage         string         `json:"profile,omitempty"`
	Picture             string         `json:"picture,omitempty"`
	Website             string         `json:"website,omitempty"`
	Gender              string         `json:"gender,omitempty"`
	Birthdate           string         `json:"birthdate,omitempty"`
	Zoneinfo            string         `json:"zoneinfo,omitempty"`
	Locale              string         `json:"locale,omitempty"`
	UpdatedAt           int64          `json:"updated_at,omitempty"`
	Address             *PostalAddress `json:"address,omitempty"`
	PhoneNumber         string         `json:"phone_number,omitempty"`
	PhoneNumberVerified *bool          `json:"phone_number_verified,omitempty"`
}

// PostalAddress is the address claim (OpenID Connect Core §5.1.1).
type PostalAddress struct {
	Formatted     string `json:"formatted,omitempty"`
	StreetAddress string `json:"street_address,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	PostalCode    string `json:"postal_code,omitempty"`
	Country       string `json:"country,omitempty"`
}

// scopeClaims are the claims that each scope asks for (OpenID Connect Core §5.4).
var scopeClaims = map[string][]string{
	"profile": {
		"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
		"website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
	},
	"address": {"address"},
	"phone":   {"phone_number", "phone_number_verified"},
}

// ProfileClaims are the names of all claims of a Profile.
func ProfileClaims() []string {
	return slices.Concat(scopeClaims["profile"], scopeClaims["address"], scopeClaims["phone"])
}

// ClaimsOfScope are the names of the profile's claims that the scopes ask for.
func ClaimsOfScope(scope []string) []string {
	var names []string
	for _, s := range scope {
		names = append(names, scopeClaims[s]...)
	}
	return names
}

// Only gives the profile with no other claims than those named.
func (p Profile) Only(names []string) Profile {
	if len(names) == 0 || p == (Profile{}) {
		return Profile{}
	}
	all, err := p.members()
	if err != nil {
		panic("idp: profile: " + err.Error()) // texts and numbers always encode
	}
	for name := range all {
		if !slices.Contains(names, name) {
			delete(all, name)
		}
	}
	kept, err := profileOf(all)
	if err != nil {
		panic("idp: profile: " + err.Error()) // it was one a moment ago
	}
	return kept
}

func (p Profile) members() (map[string]json.RawMessage, error) {
	encoded, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	return all, json.Unmarshal(encoded, &all)
}

func profileOf(members map[string]json.RawMessage) (p Profile, err error) {
	encoded, err := json.Marshal(members)
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(encoded, &p)
}

// Set gives the profile with one claim changed, as an operator writes it; an
// empty value takes the claim away. Members of the postal address are named
// address.locality and so on.
func (p Profile) Set(name, value string) (Profile, error) {
	if part, ok := strings.CutPrefix(name, "address."); ok {
		return p.setAddress(part, value)
	}
	if name == "address" || name == "updated_at" || !slices.Contains(ProfileClaims(), name) {
		return p, fmt.Errorf("claim %q: use one of %s, or address.street_address and its like", name, strings.Join(settable(), ", "))
	}
	if name == "phone_number_verified" {
		return p.setPhoneVerified(value)
	}
	all, err := p.members()
	if err != nil {
		return p, err
	}
	if all[name], err = json.Marshal(value); err != nil {
		return p, err
	}
	changed, err := profileOf(all)
	if err != nil {
		return p, err
	}
	if name == "phone_number" && value != p.PhoneNumber {
		changed.PhoneNumberVerified = nil // that was said of another number
	}
	return changed, changed.Validate()
}

func settable() []string {
	return slices.DeleteFunc(ProfileClaims(), func(name string) bool { return name == "address" || name == "updated_at" })
}

func (p Profile) setPhoneVerified(value string) (Profile, error) {
	switch value {
	case "":
		p.PhoneNumberVerified = nil
	case "true", "false":
		verified := value == "true"
		p.PhoneNumberVerified = &verified
	default:
		return p, errors.New("phone_number_verified: true or false")
	}
	return p, nil
}

func (p Profile) setAddress(part, value string) (Profile, error) {
	address := PostalAddress{}
	if p.Address != nil {
		address = *p.Address
	}
	switch part {
	case "formatted":
		address.Formatted = value
	case "street_address":
		address.StreetAddress = value
	case "locality":
		address.Locality = value
	case "region":
		address.Region = value
	case "postal_code":
		address.PostalCode = value
	case "country":
		address.Country = value
	default:
		return p, fmt.Errorf("claim %q: formatted, street_address, locality, region, postal_code or country", "address."+part)
	}
	if p.Address = &address; address == (PostalAddress{}) {
		p.Address = nil
	}
	return p, p.Validate()
}

var (
	birthdate = regexp.MustCompile(`^([0-9]{4}|0000)(-[0-9]{2}-[0-9]{2})?$`)
	phone     = regexp.MustCompile(`^\+[0-9][0-9 ().-]{3,30}(;ext=[0-9]{1,10})?$`)
)

const maxClaim = 1024

// Validate tells what is wrong with the profile, in words for its operator.
func (p Profile) Validate() error {
	texts, err := p.texts()
	if err != nil {
		return err
	}
	for name, text := range texts {
		if len(text) > maxClaim || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
			return fmt.Errorf("%s: at most %d bytes without control characters", name, maxClaim)
		}
	}
	for name, uri := range map[string]string{"profile": p.ProfilePage, "picture": p.Picture, "website": p.Website} {
		u, err := url.Parse(uri)
		if uri != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			return fmt.Errorf("%s %q: an http or https URL", name, uri)
		}
	}
	if p.Birthdate != "" && !birthdate.MatchString(p.Birthdate) {
		return fmt.Errorf("birthdate %q: YYYY-MM-DD, or YYYY alone", p.Birthdate)
	}
	if p.PhoneNumber != "" && !phone.MatchString(p.PhoneNumber) {
		return fmt.Errorf("phone_number %q: as E.164 has it, such as +1 (425) 555-1212", p.PhoneNumber)
	}
	return nil
}

// texts are the claims that are text, those of the address too.
func (p Profile) texts() (map[string]string, error) {
	members, err := p.members()
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for name, value := range members {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = strings.ReplaceAll(string(value), `\n`, "")
		}
		texts[name] = text
	}
	return texts, nil
}

// DemoProfile makes up every standard claim for a person of whom only the
// address is known, so that an app under development sees them all.
func DemoProfile(a Address, now time.Time) Profile {
	local, _, _ := strings.Cut(string(a), "@")
	name := strings.ToUpper(local[:1]) + local[1:]
	verified := false
	return Profile{
		Name: name + " Example", GivenName: name, FamilyName: "Example", MiddleName: "Demo", Nickname: local,
		PreferredUsername: local, ProfilePage: "https://demo.invalid/people/" + url.PathEscape(local),
		Picture: "https://demo.invalid/people/" + url.PathEscape(local) + ".png", Website: "https://demo.invalid/",
		Gender: "unknown", Birthdate: "1990-01-01", Zoneinfo: "Europe/Berlin", Locale: "en", UpdatedAt: now.Unix(),
		Address: &PostalAddress{
			Formatted: "1 Example Street\n12345 Exampleton\nGermany", StreetAddress: "1 Example Street",
			Locality: "Exampleton", Region: "Example", PostalCode: "12345", Country: "Germany",
		},
		PhoneNumber: "+49 30 5550100", PhoneNumberVerified: &verified,
	}
}
