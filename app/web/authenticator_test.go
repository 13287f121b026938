package web

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"chatalot/app/wire"
)

// authenticator is a device that holds one passkey, and the browser in front of it: what they do by WebAuthn Level 3 section 6.3, in software. Its
// fields are what an attacker would bend.
type authenticator struct {
	place  *testPlace
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte // user handle
	count  uint32 // grows with each use when counts
	counts bool
	origin string // of the page that asks
	rp     string
	flags  byte
}

// Flags of authenticator data.
const (
	flagPresent  = 1 << 0
	flagVerified = 1 << 2
	flagAttested = 1 << 6
)

func (p *testPlace) authenticator() *authenticator {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(p.t, err)
	a := &authenticator{place: p, key: key, id: make([]byte, 32), origin: p.pageOrigin(), rp: "localhost", flags: flagPresent | flagVerified}
	rand.Read(a.id)
	return a
}

// pageOrigin is the origin under which a browser holds passkeys for the place.
func (p *testPlace) pageOrigin() string {
	_, port := splitLast(p.origin, ":")
	return "http://localhost:" + port
}

func splitLast(s, sep string) (before, after string) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i:i+1] == sep {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// asked is what both kinds of options have in common, as a browser reads them.
type asked struct {
	Ceremony string `json:"ceremony"`
	Options  struct {
		Challenge        string `json:"challenge"`
		RPID             string `json:"rpId"`
		UserVerification string `json:"userVerification"`
		RP               struct{ ID, Name string }
		User             struct {
			ID          wire.Bytes `json:"id"`
			Name        string     `json:"name"`
			DisplayName string     `json:"displayName"`
		} `json:"user"`
		Params []struct {
			Type string `json:"type"`
			Alg  int    `json:"alg"`
		} `json:"pubKeyCredParams"`
		Exclude []struct {
			ID         wire.Bytes `json:"id"`
			Transports []string   `json:"transports"`
		} `json:"excludeCredentials"`
		Selection struct {
			ResidentKey      string `json:"residentKey"`
			UserVerification string `json:"userVerification"`
		} `json:"authenticatorSelection"`
		Attestation string `json:"attestation"`
		Timeout     int    `json:"timeout"`
	} `json:"options"`
}

func (a *authenticator) clientData(kind, challenge string) []byte {
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	check(a.place.t, err)
	return text
}

// data is authenticator data, with the key in it when it is new.
func (a *authenticator) data(flags byte, attested []byte) []byte {
	hash := sha256.Sum256([]byte(a.rp))
	b := append(hash[:], flags)
	b = binary.BigEndian.AppendUint32(b, a.count)
	return append(b, attested...)
}

// attested is the part of authenticator data that holds a new key.
func (a *authenticator) attested() []byte {
	point, err := a.key.PublicKey.Bytes()
	check(a.place.t, err)
	public, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]}) // EC2, ES256, P-256
	check(a.place.t, err)
	b := make([]byte, 16) // no AAGUID
	b = binary.BigEndian.AppendUint16(b, uint16(len(a.id)))
	return append(append(b, a.id...), public...)
}

// create answers navigator.credentials.create.
func (a *authenticator) create(o asked, name string) wire.NewPasskey {
	a.handle = o.Options.User.ID
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": a.data(a.flags|flagAttested, a.attested())})
	check(a.place.t, err)
	return wire.NewPasskey{Ceremony: o.Ceremony, Name: name, ID: a.id, ClientData: a.clientData("webauthn.create", o.Options.Challenge),
		AttestationObject: object, Transports: []string{"internal", "hybrid"}}
}

// get answers navigator.credentials.get.
func (a *authenticator) get(o asked) wire.PasskeyAssertion {
	if a.counts {
		a.count++
	}
	client, data := a.clientData("webauthn.get", o.Options.Challenge), a.data(a.flags, nil)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	check(a.place.t, err)
	return wire.PasskeyAssertion{Ceremony: o.Ceremony, ID: a.id, ClientData: client, AuthenticatorData: data, Signature: signature, UserHandle: a.handle}
}

// ask begins an assertion, as anybody can.
func (p *testPlace) ask() asked {
	p.t.Helper()
	return into[asked](p.t, p.call("POST", "/api/auth/passkey/options", "", nil))
}

// confirm shows the person's password again.
func (q *person) confirm() *person {
	q.place.t.Helper()
	into[wire.Confirmed](q.place.t, q.call("POST", "/api/me/confirm", wire.Confirmation{Password: testPassword}))
	return q
}

// enrols adds a passkey on a fresh authenticator to the person's account.
func (q *person) enrols(name string) *authenticator {
	q.place.t.Helper()
	a := q.place.authenticator()
	q.confirm()
	o := into[asked](q.place.t, q.call("POST", "/api/me/passkeys/options", nil))
	into[wire.Passkey](q.place.t, q.call("POST", "/api/me/passkeys", a.create(o, name)))
	return a
}

// signsIn sends what the authenticator says to a fresh question.
func (a *authenticator) signsIn(p *testPlace) answer {
	p.t.Helper()
	return p.call("POST", "/api/auth/passkey", "", wire.PasskeyLogin{Passkey: a.get(p.ask()), Transport: wire.ByBody})
}

func unpadded(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// put changes a row as no route does.
func (p *testPlace) put(query string, user wire.UserID) {
	p.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(p.dir, "chatalot.db")+"?_busy_timeout=5000")
	check(p.t, err)
	defer db.Close()
	_, err = db.ExecContext(p.t.Context(), query, user[:])
	check(p.t, err)
}

// present fails the test when one of the canaries stands in no file of the place: absent would see nothing then.
func (p *testPlace) present(canaries ...[]byte) {
	p.t.Helper()
	for _, canary := range canaries {
		if len(p.found(canary)) == 0 {
			p.t.Errorf("%q stands nowhere", canary)
		}
	}
}

// absent fails the test when any of the canaries stands in a file of the place, as it is or spelled in base64.
func (p *testPlace) absent(canaries ...[]byte) {
	p.t.Helper()
	for _, canary := range canaries {
		if files := p.found(canary); len(files) > 0 {
			p.t.Errorf("%q stands in %v", canary, files)
		}
	}
}

// found are the files of the database that hold a canary.
func (p *testPlace) found(canary []byte) (in []string) {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "chatalot.db*"))
	check(p.t, err)
	if len(files) < 2 {
		p.t.Fatalf("looked into %v only", files)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(p.t, err)
		for _, spelled := range [][]byte{canary, []byte(unpadded(canary)), []byte(base64.StdEncoding.EncodeToString(canary))} {
			if bytes.Contains(text, spelled) {
				in = append(in, filepath.Base(file))
			}
		}
	}
	return in
}
