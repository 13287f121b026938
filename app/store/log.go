package store

import (
	"encoding/json"
	"fmt"

	"chatalot/app/wire"
)

// Audience is whom a log row is for. Exactly one of its makers makes it.
type Audience struct {
	Conversation wire.ConvID
	Community    wire.CommunityID
	User         wire.UserID
}

// ToConversation is a conversation's members.
func ToConversation(id wire.ConvID) Audience { return Audience{Conversation: id} }

// ToCommunity is a community's members.
func ToCommunity(id wire.CommunityID) Audience { return Audience{Community: id} }

// ToOutsiders is those members of the community who are not members of the conversation: who may find a public channel but not read it.
func ToOutsiders(community wire.CommunityID, conv wire.ConvID) Audience {
	return Audience{Conversation: conv, Community: community}
}

// ToUser is one person, on all their devices.
func ToUser(id wire.UserID) Audience { return Audience{User: id} }

// Row is one row of the log. A message row has Message and, in memory right after its commit, Envelopes; every other row has Body, the
// JSON of the wire.Event field that Kind names.
type Row struct {
	Seq, At      int64
	Kind         string
	Conversation wire.ConvID // these three as in Audience
	Community    wire.CommunityID
	User         wire.UserID
	Body         []byte
	Message      *wire.Message // without its envelope
	Envelopes    map[wire.DeviceID]wire.Bytes
}

// Commit is what one commit changed: log rows in their order, and everyone whose memberships changed (as often as they did).
type Commit struct {
	Rows    []Row
	Members []wire.UserID
}

// AppendLog adds a row to the one ordered log and returns its seq. kind is a wire.Event kind; body becomes the JSON of the field named
// like it. Messages are added by AppendMessage instead.
func (tx *Tx) AppendLog(kind string, to Audience, body any) (int64, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, fmt.Errorf("encode %s event: %w", kind, err)
	}
	return tx.appendRow(Row{Kind: kind, Body: b, Conversation: to.Conversation, Community: to.Community, User: to.User})
}

// appendRow stores r under the next seq and keeps it for the commit hook.
func (tx *Tx) appendRow(r Row) (int64, error) {
	var body any
	if r.Body != nil {
		body = string(r.Body)
	}
	r.At = tx.now
	seq, err := tx.insert("INSERT INTO log (at, kind, conversation_id, community_id, user_id, body) VALUES (?, ?, ?, ?, ?, ?)",
		r.At, r.Kind, unlessZero(r.Conversation[:]), unlessZero(r.Community[:]), unlessZero(r.User[:]), body)
	if err != nil {
		return 0, fmt.Errorf("append to the log: %w", err)
	}
	r.Seq = seq
	if r.Message != nil {
		r.Message.Seq = seq
	}
	tx.rows = append(tx.rows, r)
	return seq, nil
}

// membersChanged tells the commit hook that what this person may read has changed. Every change of a membership row calls it.
func (tx *Tx) membersChanged(user wire.UserID) { tx.members = append(tx.members, user) }

// Cursor is the seq of the newest row there has been; rows after it are news.
func (tx *Tx) Cursor() (int64, error) {
	var seq int64
	err := tx.get([]any{&seq}, "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'log'), 0)")
	if err != nil {
		return 0, fmt.Errorf("read the newest cursor: %w", err)
	}
	return seq, nil
}

// Log calls fn for every row with after < seq <= until, in order, whoever it is for; message rows come without Message.
func (tx *Tx) Log(after, until int64, fn func(Row) error) error {
	return each(tx, func(s scanner) error {
		r, err := scanRow(s)
		if err != nil {
			return err
		}
		return fn(r)
	}, "SELECT seq, at, kind, conversation_id, community_id, user_id, body FROM log WHERE seq > ? AND seq <= ? ORDER BY seq", after, until)
}

func scanRow(s scanner) (r Row, err error) {
	err = s.Scan(&r.Seq, &r.At, &r.Kind, orZero(r.Conversation[:]), orZero(r.Community[:]), orZero(r.User[:]), &r.Body)
	return r, err
}

// orZero scans a nullable BLOB; NULL leaves the zeros.
type orZero []byte

// Scan implements sql.Scanner.
func (z orZero) Scan(src any) error {
	if src == nil {
		return nil
	}
	return fixed(z).Scan(src)
}

// unlessZero binds an id, or NULL when it is all zeros.
func unlessZero(id []byte) any {
	for _, b := range id {
		if b != 0 {
			return id
		}
	}
	return nil
}
