package store

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestAPasswordHashIsInNoLogLine(t *testing.T) {
	u := User{Username: "gurli", PasswordHash: "canary"}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "user", u, "pointer", &u)
	if text := log.String() + fmt.Sprintf("%v %+v %#v %s", u, u, u, &u); strings.Contains(text, "canary") {
		t.Fatal(text)
	}
}
