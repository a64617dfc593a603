package templates

import (
	"time"

	"postern/idp"
)

// Frame is what every page shows around its body.
type Frame struct {
	Locale string // one of Set.Locales
	Tenant string // the tenant's name
	Base   string // path of the issuer, such as /t/demo; empty at a host's root
	// FormsStay: no POST from this page can end at a client, so the policy may
	// carry form-action 'self'. Chromium applies it to every redirect after a
	// POST, so elsewhere it is left out.
	FormsStay bool
	Brand     Brand
}

// Body is one page's own data. Its type names the page.
type Body interface{ page() string }

// Hidden is the state that a form carries.
type Hidden struct{ Name, Value string }

// About is what a client shows of itself, all of it optional.
type About struct {
	Logo string // path of its picture, on our own origin
	// Host is where its metadata come from, for clients that nobody has
	// registered here: it tells them from others of the same name.
	Host                string
	PolicyURL, TermsURL string
}

// Login asks for the address. Its form posts email and the hidden fields to
// Base/auth/login, and by the Cancel button to Base/auth/cancel.
type Login struct {
	Client  string
	Asks    Asking
	Hidden  []Hidden
	Email   string // prefilled
	Problem string // message key, such as "login.problem.address"
	About   About
	Work    Work
}

// Work is a task that keeps bots off. The script does it and hands it in in the
// field altcha; without one, the form is good after a wait. Without a Task, none
// is asked for.
type Work struct {
	Task string // of the field
	Wait time.Duration
	// Press: the person has pressed the button already; the script presses it
	// again once the task is done.
	Press bool
}

// Asking is what the client has the address for, which the page says in words
// of its own. What happens then is the same.
type Asking string

// Askings.
const (
	AskSignIn Asking = ""
	AskCreate Asking = "create" // prompt=create
	AskSelect Asking = "select" // prompt=select_account
)

// Waiting is shown to the browser that asked, until the login completes. Forms:
// code to Base/auth/code, resend to Base/auth/resend, Check again by GET to SelfURL.
type Waiting struct {
	Client  string
	Address string
	Hidden  []Hidden
	SelfURL string
	PollURL string // JSON {"state":"asked|delayed|refused|failed|done|expired"} for the script
	// Delivery is how the mail fares that was asked for at Asked; one that is
	// delayed is tried until Until.
	Delivery     idp.Delivery
	Asked, Until time.Time
	NextMail     time.Time
	CanSend      bool   // NextMail has come
	Sent         bool   // another mail was just asked for
	Problem      string // "waiting.problem." code (wrong), link (not of this login), empty, form (neither code nor link), toosoon (resend), link_only (this app takes no code)
	Left         int    // attempts left, shown with a wrong code
	// StartURL leads to the login page, for another address; empty if there is no way back.
	StartURL string
	// Change: the link confirms a new address, where it would else sign in.
	Change bool
}

// VerifyHere is the link opened in the browser that asked: one button, POST to Base/auth/verify.
type VerifyHere struct {
	Client, Address string
	Hidden          []Hidden
	Change          bool // as in Waiting
}

// VerifyElsewhere is the link opened in any other browser: the relay code and
// what was asked, no form.
type VerifyElsewhere struct {
	Client           string
	Code             string // ABCD-EFGH; empty where the client takes no relayed login
	Asked            time.Time
	Browser, Network string
	Change           bool // as in Waiting
}

// Account is where a person changes their address, and sees and ends where they
// are signed in and which apps have access. Its forms post to Base/auth/account:
// email there itself, a button's session to /signout, a button's client to
// /access, and nothing but its state to /everywhere.
type Account struct {
	Address string
	Hidden  []Hidden // of the form that takes the address
	Email   string   // as it was typed, with its Problem
	Problem string   // message key: "account.problem.same" or "login.problem.address"
	Notice  Notice

	SignedIn time.Time // with this browser
	Others   []Browser // others that are signed in, newest first
	More     bool      // there are more than those
	SignOut  []Hidden
	Apps     []App // newest first
	Remove   []Hidden
	All      []Hidden // of the form that ends everything
}

// Notice says what a form of the account page has done.
type Notice string

// Notices. Those of what was over already say just that.
const (
	NoticeChanged     Notice = "changed" // Address is the new one
	NoticeSignedOut   Notice = "signed_out"
	NoticeNotSignedIn Notice = "not_signed_in"
	NoticeAccessEnded Notice = "access_ended"
	NoticeHadNoAccess Notice = "had_no_access"
)

// Browser is one that a person is signed in with.
type Browser struct {
	Session string // its id
	Since   time.Time
}

// App is a client that has access to what is a person's.
type App struct {
	ID, Name string
	Host     string // as in About
	Since    time.Time
	Offline  bool // it keeps its access while the person is signed out
}

// Completed says that the login is done and goes on in the first tab; its one
// form posts to Base/auth/finish.
type Completed struct {
	Client string
	Hidden []Hidden
}

// Done says that the login went on in another tab.
type Done struct{ Client, ReturnURL string }

// Over says that a link or login is used, expired or locked, and offers a new start.
type Over struct {
	Client string
	What   Ending
	// StartURL is a link to the client that begins anew; empty if there is none.
	StartURL string
}

// Ending says how a link or login ended.
type Ending string

// Endings, each with words of its own.
const (
	EndedUsed    Ending = "used"
	EndedExpired Ending = "expired"
	EndedLocked  Ending = "locked"
	EndedUnknown Ending = "unknown" // no such link, or not this browser's
	// EndedReplaced: another person has signed in with this browser since.
	EndedReplaced Ending = "replaced"
)

// Consent asks whether a third-party client may have what it asks for. Its one
// form posts action=agree to Base/auth/consent, and by the Cancel button nothing
// but its state to Base/auth/consent/cancel.
type Consent struct {
	Client, Address string
	Scopes          []string
	Hidden          []Hidden
	About           About
}

// DeviceCode takes the code that a device shows. Its one form posts code to
// Base/auth/device.
type DeviceCode struct {
	Code    string // filled in
	Problem string // message key, such as "device.problem.code"
	Hidden  []Hidden
}

// DeviceConfirm asks whether a device may sign in as the person, and tells who
// asked when. Its one form is that of Consent.
type DeviceConfirm struct {
	Client, Address string
	Scopes          []string
	Hidden          []Hidden
	About           About
	Asked           time.Time
	Network         string
}

// DeviceDone says what became of a device's login.
type DeviceDone struct{ Allowed bool }

// LogoutConfirm asks before signing out. Its one form posts action=agree to
// Action, and by the Cancel button nothing but its state to Cancel.
type LogoutConfirm struct {
	Client  string // who asked, if known
	Address string
	Action  string
	Cancel  string
	Hidden  []Hidden
}

// SignedOut says so. Frames are pages of clients that it loads unseen
// (OpenID Connect Front-Channel Logout §2). Onward goes on to ReturnURL by
// itself, a moment later.
type SignedOut struct {
	Client, ReturnURL string
	Frames            []string
	Onward            bool
}

// Fault is every refusal that has no page of its own. Key names its words:
// fault.KEY.title and fault.KEY.text in the catalogue: bad_request, bad_client,
// bad_redirect, forbidden, no_cookie, expired_request, too_many, unavailable,
// too_large, method, not_found, not_allowed, address_taken, signed_in, unknown_tenant,
// unknown_host and internal, which also speaks for any other key.
type Fault struct {
	Key     string
	Detail  string // one plain sentence for a developer, such as which parameter is wrong; never a cause
	Request string // the id to quote
	RetryIn time.Duration
}

func (Login) page() string           { return "login" }
func (Waiting) page() string         { return "waiting" }
func (VerifyHere) page() string      { return "verify_here" }
func (VerifyElsewhere) page() string { return "verify_elsewhere" }
func (Account) page() string         { return "account" }
func (Completed) page() string       { return "completed" }
func (Done) page() string            { return "done" }
func (Over) page() string            { return "over" }
func (Consent) page() string         { return "consent" }
func (DeviceCode) page() string      { return "device_code" }
func (DeviceConfirm) page() string   { return "device_confirm" }
func (DeviceDone) page() string      { return "device_done" }
func (LogoutConfirm) page() string   { return "logout_confirm" }
func (SignedOut) page() string       { return "signed_out" }
func (Fault) page() string           { return "fault" }

// LoginMail is the mail that carries a link.
type LoginMail struct {
	Client  string
	Tenant  string
	Link    string // the whole link; its text shows LinkHost
	Host    string
	Life    time.Duration
	Asked   time.Time
	Browser string
	Network string
	Brand   idp.Brand
	// Change: the link confirms a new address, where it would else sign in.
	Change bool
}

// NoticeMail tells an address that its person now has another. It holds no link.
type NoticeMail struct {
	Tenant string
	At     time.Time
	Brand  idp.Brand
}

// Colours are those of the mail's button.
func (m LoginMail) Colours() mailColours { return coloursOf(m.Brand) }

// Colours are those of the mail's mark.
func (m NoticeMail) Colours() mailColours { return coloursOf(m.Brand) }

// Composed is a mail's words.
type Composed struct{ Subject, Text, HTML string }
