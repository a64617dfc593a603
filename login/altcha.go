package login

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"postern/idp"
)

// A task is ALTCHA's: which number, appended to the salt, has this SHA-256? The
// page carries it in the field "altcha" as ALTCHA's widget sends a solution, in
// base64 of JSON, still without its number. Whoever works puts that in.
//
// The salt says until when the task may be handed in, and ends in a "&", lest
// digits of a number pass for digits of that time. The signature covers the salt
// and the hash, and what the task was set for, so that none is worth anything
// elsewhere, and nobody sets themselves an easier one.
type task struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"`
	MaxNumber int64  `json:"maxnumber,omitempty"`
	Salt      string `json:"salt"`
	Signature string `json:"signature"`
	Number    *int64 `json:"number,omitempty"`
}

const (
	fieldTask     = "altcha"
	taskAlgorithm = "SHA-256"
	// taskNumbers is how many numbers are to be tried at most, on average half of
	// them: about a second's work of a browser, several on an old phone.
	taskNumbers = 50_000
	taskSalt    = 12
	maxTask     = 2048
)

// signer gives the signature of a task, for what it is set for.
type signer func(t task) string

// setTask makes a task that is good until a time.
func setTask(sign signer, until time.Time) task {
	random := make([]byte, taskSalt+8)
	rand.Read(random)
	salt, number := random[:taskSalt], binary.BigEndian.Uint64(random[taskSalt:])%(taskNumbers+1)
	t := task{
		Algorithm: taskAlgorithm, MaxNumber: taskNumbers,
		Salt: hex.EncodeToString(salt) + "?expires=" + strconv.FormatInt(until.Unix(), 10) + "&",
	}
	t.Challenge = t.hash(int64(number))
	t.Signature = sign(t)
	return t
}

// parseTask reads what was handed in, if it was set here for this and is in time.
func parseTask(sign signer, text string, now time.Time) (t task, ok bool) {
	if len(text) > maxTask {
		return task{}, false
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &t) != nil || t.Algorithm != taskAlgorithm {
		return task{}, false
	}
	if subtle.ConstantTimeCompare([]byte(sign(t)), []byte(t.Signature)) != 1 {
		return task{}, false
	}
	until, ok := t.until()
	return t, ok && now.Before(until)
}

// text is the task as its field carries it, without an answer.
func (t task) text() string {
	t.Number = nil
	text, err := json.Marshal(t)
	if err != nil {
		panic("login: a task always encodes: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(text)
}

// solved tells that the right number came with it.
func (t task) solved() bool {
	return t.Number != nil && subtle.ConstantTimeCompare([]byte(t.hash(*t.Number)), []byte(t.Challenge)) == 1
}

func (t task) hash(number int64) string {
	sum := sha256.Sum256(append([]byte(t.Salt), strconv.FormatInt(number, 10)...))
	return hex.EncodeToString(sum[:])
}

// until is when it can no longer be handed in.
func (t task) until() (time.Time, bool) {
	_, query, _ := strings.Cut(t.Salt, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(values.Get("expires"), 10, 64)
	return time.Unix(seconds, 0), err == nil
}

// waited is from when on it may be handed in without an answer.
func (t task) waited() time.Time {
	until, _ := t.until()
	return until.Add(idp.WorkWait - idp.WorkLife)
}
