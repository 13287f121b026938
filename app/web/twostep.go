package web

import (
	"net/http"

	"chatalot/app/wire"
)

func (f *Face) answerChallenge(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[wire.ChallengeRequest](w, r)
	if err != nil {
		return err
	}
	grant, err := f.auth.AnswerChallenge(r.Context(), req, f.from(r))
	return f.signIn(w, http.StatusOK, grant, err)
}

func (f *Face) beginTwoStep(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	secret, err := f.auth.BeginTwoStep(r.Context(), who)
	return f.reply(w, http.StatusCreated, secret, err)
}

func (f *Face) confirmTwoStep(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.TwoStepCode](w, r)
	if err != nil {
		return err
	}
	codes, err := f.auth.ConfirmTwoStep(r.Context(), who, req)
	return f.reply(w, http.StatusOK, codes, err)
}

func (f *Face) endTwoStep(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	return done(w, f.auth.EndTwoStep(r.Context(), who))
}

func (f *Face) newBackupCodes(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	codes, err := f.auth.NewBackupCodes(r.Context(), who)
	return f.reply(w, http.StatusOK, codes, err)
}
