package idp

import "time"

// Instance stands where a tenant would, for what belongs to all of them. No
// tenant has this id: theirs are made of the time and chance.
const Instance TenantID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

// MailSetup is how a tenant, or the Instance, sends mail: its transports with
// their credentials and its DKIM keys, sealed as one. A tenant's settings name
// it by its ID, so that a change is seen with the tenant.
type MailSetup struct {
	TenantID TenantID
	ID       string
	Sealed   string
}

// PurposeMailSetup is what mail setups are sealed for.
const PurposeMailSetup = "mail setup"

// Suppression says that mail to an address is not tried, because its server
// said that there is no such mailbox.
type Suppression struct {
	TenantID  TenantID
	Address   Address
	Reason    string // status codes, no words of a stranger's
	CreatedAt time.Time
	Expires   time.Time
}

// SuppressionLife is how long an address is left alone after it was refused
// for good. It ends by itself, for mailboxes are made and servers mended.
const SuppressionLife = 24 * time.Hour
