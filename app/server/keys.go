package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"chatalot/app/auth"
	"chatalot/app/config"
	"chatalot/app/store"
)

// Why the keys were not opened or not rotated; see package auth.
var (
	ErrKeyUnreadable = auth.ErrKeyUnreadable
	ErrKeyMissing    = auth.ErrKeyMissing
	ErrKeyMalformed  = auth.ErrKeyMalformed
	ErrKeyMismatch   = auth.ErrKeyMismatch
	ErrTOTPMissing   = auth.ErrTOTPMissing
	ErrTOTPMalformed = auth.ErrTOTPMalformed
	ErrTOTPWrong     = auth.ErrTOTPWrong
	ErrNotRotated    = auth.ErrNotRotated
)

// keyFiles says where the keys are: as configured, else as systemd hands them over (systemd.exec(5), LoadCredential=), else in the data directory.
func keyFiles(c config.Config, insecure bool, log *slog.Logger) auth.KeyFiles {
	return auth.KeyFiles{Dir: filepath.Join(c.Data, secretsDir), Private: c.JWTPrivateKeyFile, Public: c.JWTPublicKeyFile, TOTP: c.TOTPKeyFile,
		Credentials: os.Getenv("CREDENTIALS_DIRECTORY"), Insecure: insecure, Log: log}
}

// besides opens the database beside a place that may be running on it, for as long as fn takes.
func besides(ctx context.Context, c config.Config, log *slog.Logger, fn func(*store.Store) error) error {
	s, err := store.Open(ctx, store.Options{Path: filepath.Join(c.Data, databaseFile), Beside: true, Now: time.Now, Log: log})
	if err != nil {
		return openFailure(err)
	}
	defer s.Close()
	return fn(s)
}

// RotateKeys makes a new access-token key for the next start, beside a running place too. insecure lets pass that others may use the key files.
func RotateKeys(ctx context.Context, c config.Config, insecure bool, log *slog.Logger) error {
	return besides(ctx, c, log, func(s *store.Store) error { return auth.RotateKeys(ctx, keyFiles(c, insecure, log), s) })
}

// RevokeAll signs everybody out, beside a running place too, and returns how many sessions there were.
func RevokeAll(ctx context.Context, c config.Config, log *slog.Logger) (sessions int64, err error) {
	err = besides(ctx, c, log, func(s *store.Store) error {
		sessions, err = auth.RevokeAll(ctx, s)
		return err
	})
	return sessions, err
}

// followOthers has the running place take over what verbs of the console change beside it.
func (p *place) followOthers() {
	p.store.OnForeign(func() {
		if err := p.auth.Reload(context.Background()); err != nil && !errors.Is(err, store.ErrClosed) {
			p.o.Log.Error("another process changed the database", "err", err)
		}
	})
}
