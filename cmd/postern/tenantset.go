package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/config"
	"postern/idp"
	"postern/storage"
	"postern/templates"
)

type tenantSetCmd struct {
	Slug     string   `arg:"" help:"The tenant."`
	Settings []string `arg:"" name:"key=value" help:"${tenant_settings}"`
	JSON     bool     `name:"json" help:"JSON on stdout."`
}

// Run changes settings; all of them or none.
func (c tenantSetCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return withTenant(ctx, in, c.Slug, func(store storage.Store, t idp.Tenant) error {
		logo, err := c.change(&t)
		if err != nil {
			return usage("%w", err)
		}
		// Before the settings that name it: pages never name a logo that is not there.
		if logo != nil {
			if err := store.SaveBrandLogo(ctx, *logo); err != nil {
				return fmt.Errorf("keep the logo of tenant %s: %w", t.Slug, err)
			}
		}
		if err := store.UpdateTenant(ctx, t); err != nil {
			return fmt.Errorf("change tenant %s: %w", t.Slug, err)
		}
		return term.tell(c.JSON, viewTenant(t), "tenant %s changed", t.Slug)
	})
}

// change applies all settings, and gives the logo to keep if there is a new one.
func (c tenantSetCmd) change(t *idp.Tenant) (*idp.LogoFile, error) {
	var logo *idp.LogoFile
	for _, setting := range c.Settings {
		key, value, ok := strings.Cut(setting, "=")
		if !ok {
			return nil, fmt.Errorf("%q: use key=value", setting)
		}
		var err error
		if key == "logo" {
			logo, err = setLogo(t, value)
		} else {
			err = setTenant(t, key, value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	return logo, t.Validate()
}

func setTenant(t *idp.Tenant, key, value string) error {
	if known, err := setAddress(t, key, value); known {
		return err
	}
	if known, err := setPolicy(&t.Settings, key, value); known {
		return err
	}
	if known, err := setBrand(&t.Settings.Brand, key, value); known {
		return err
	}
	if name, ok := strings.CutPrefix(key, "limit."); ok {
		return t.Settings.Limits.Set(name, value)
	}
	return tenantKeys.unknown(key, "tenant")
}

// setAddress sets what a tenant is called and where it is.
func setAddress(t *idp.Tenant, key, value string) (known bool, err error) {
	switch key {
	case "name":
		t.Name = value
	case "host":
		t.Host = strings.ToLower(value)
	case "root":
		t.Root, err = oneOf(value, "true", "false")
	case "locale":
		t.Settings.Locale, err = locale(value)
	case "mail_from":
		t.Settings.Mail.Address, err = idp.ParseAddress(value)
	case "mail_from_name":
		t.Settings.Mail.Name = value
	default:
		return false, nil
	}
	return true, err
}

// setPolicy sets who may do what.
func setPolicy(s *idp.TenantSettings, key, value string) (known bool, err error) {
	switch key {
	case "sign_up":
		s.SignUp = idp.SignUp(strings.TrimPrefix(value, "open"))
	case "allowed_domains":
		s.AllowedDomains, err = idp.ParseDomains(value)
	case "blocked_domains":
		s.BlockedDomains, err = idp.ParseDomains(value)
	case "pkce":
		s.PKCE = idp.PKCE(value)
	case "link_life":
		s.LinkLife, err = duration(value)
	case "key_rotation":
		s.KeyRotation, err = duration(value)
	case "session_life":
		s.SessionLife, err = duration(value)
	case "refresh_life":
		s.RefreshLife, err = duration(value)
	case "registration":
		s.TokenRegistration, err = oneOf(value, "token", "closed")
	case "client_documents":
		s.ClientDocuments, err = oneOf(value, "on", "off")
	case "proof_of_work":
		s.Work, err = idp.ParseWork(value)
	case "consent":
		s.TrustRegistered, err = oneOf(value, "skip", "ask")
	default:
		return false, nil
	}
	return true, err
}

// oneOf reads a setting of two values: whether it is the first.
func oneOf(value, yes, no string) (bool, error) {
	if value != yes && value != no {
		return false, fmt.Errorf("%s or %s", yes, no)
	}
	return value == yes, nil
}

func duration(value string) (idp.Duration, error) {
	if value == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return 0, fmt.Errorf("%q: a time such as 10m or 720h", value)
	}
	return idp.Duration(d), nil
}

// locale takes a language that there are words in; empty is what people ask for, else English.
func locale(value string) (string, error) {
	pages, err := templates.New()
	if err != nil {
		return "", err
	}
	if value != "" && !slices.Contains(pages.Locales(), value) {
		return "", fmt.Errorf("%q: one of %s", value, strings.Join(pages.Locales(), ", "))
	}
	return value, nil
}
