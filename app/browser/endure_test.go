package browser

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"chatalot/app/apptest"
	"chatalot/app/client"
	"chatalot/app/wire"

	_ "modernc.org/sqlite"
)

// What goes wrong in the lives of browsers, phones and Pis: crashes, restarts, lost and delayed things, frozen tabs. Nothing said is lost or doubled.
func TestNothingIsLostWhateverHappensToABrowserOrThePlace(t *testing.T) {
	p := &apptest.Place{Data: filepath.Join(t.TempDir(), "data"), Web: os.DirFS(dist)}
	o := &operator{t: t, place: p, stop: p.Serve(t)}
	guest := invited(t, p)
	desk := httptest.NewServer(o)
	defer desk.Close()
	r := report{}
	travel(t, p, "endure", &r, guest, "CHATALOT_OPERATOR="+desk.URL)
	if len(r.Secrets) < 4 {
		t.Fatalf("the journey named only %d secrets", len(r.Secrets))
	}
	p.DemandAbsent(t, r.Secrets...)
}

// operator is whoever runs the place of a journey, and its admin, over HTTP. A journey posts what it wants done and waits for the answer.
type operator struct {
	t     *testing.T
	place *apptest.Place
	stop  func()
}

// wish is what a journey may say with what it posts; each act reads what it needs.
type wish struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Key      string `json:"key"`  // recovery key
	Text     string `json:"text"` // of a message
}

func (o *operator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := wish{}
	err := json.NewDecoder(r.Body).Decode(&asked)
	var answer any
	if err == nil {
		answer, err = o.do(r.Context(), r.URL.Path, asked)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	json.NewEncoder(w).Encode(answer)
}

func (o *operator) do(ctx context.Context, act string, asked wish) (answer any, err error) {
	switch act {
	case "/stop":
		o.stop()
	case "/start":
		o.stop = o.place.Serve(o.t)
	case "/kitchen":
		err = o.kitchen(ctx, asked)
	case "/link":
		_, err = o.link(ctx, asked)
	case "/remove":
		err = o.remove(ctx, asked)
	case "/lose":
		err = o.shelve(ctx, "INSERT INTO temp_shelf SELECT * FROM envelope WHERE device_id IN (SELECT id FROM device WHERE user_id = (SELECT id FROM user WHERE username = ?)) AND seq = (SELECT max(seq) FROM envelope)",
			"DELETE FROM envelope WHERE (seq, device_id) IN (SELECT seq, device_id FROM temp_shelf)", asked.Username)
	case "/find":
		err = o.shelve(ctx, "INSERT OR IGNORE INTO envelope SELECT * FROM temp_shelf", "DROP TABLE temp_shelf")
	case "/backup":
		err = o.whileStopped(func() error { return exec.Command("cp", "-a", o.place.Data, o.place.Data+"-backup").Run() })
	case "/restore":
		err = o.whileStopped(func() error {
			return errors.Join(os.RemoveAll(o.place.Data), os.Rename(o.place.Data+"-backup", o.place.Data))
		})
	default:
		err = fmt.Errorf("an operator does not know how to %s", act)
	}
	return answer, err
}

func (o *operator) whileStopped(work func() error) error {
	o.stop()
	defer func() { o.stop = o.place.Serve(o.t) }()
	return work()
}

// kitchen makes a private channel of that name, adds a person to it, and says something there.
func (o *operator) kitchen(ctx context.Context, asked wish) error {
	admin := o.place.Admin
	if _, err := admin.CatchUp(ctx); err != nil {
		return err
	}
	kitchen, err := admin.CreateChannel(ctx, o.place.Start.Groups[0].ID, "kitchen", wire.Private)
	if err != nil {
		return err
	}
	user, err := o.user(ctx, asked.Username)
	if err != nil {
		return err
	}
	return errors.Join(admin.Add(ctx, kitchen.ID, user), say(ctx, admin, kitchen.ID, asked.Text))
}

func (o *operator) user(ctx context.Context, username string) (id wire.UserID, err error) {
	state := wire.State{}
	if err := o.place.Admin.Do(ctx, "GET", "/api/state", nil, &state); err != nil {
		return id, err
	}
	for _, m := range state.Members {
		if m.User.Username == username {
			return m.User.ID, nil
		}
	}
	return id, fmt.Errorf("nobody is called %s", username)
}

// link signs in as a person on one more device.
func (o *operator) link(ctx context.Context, asked wish) (*client.Client, error) {
	c, err := client.New(client.Options{URL: o.place.URL})
	if err != nil {
		return nil, err
	}
	if err := c.Login(ctx, asked.Username, asked.Password); err != nil {
		return nil, err
	}
	return c, c.Recover(ctx, "another", asked.Key)
}

// remove takes all devices of a person but a new one off the signed list.
func (o *operator) remove(ctx context.Context, asked wish) error {
	c, err := o.link(ctx, asked)
	if err != nil {
		return err
	}
	all := wire.Devices{}
	if err := c.Do(ctx, "GET", "/api/devices", nil, &all); err != nil {
		return err
	}
	for _, d := range all.Devices {
		if d.Active && d.ID != *c.Device() {
			err = errors.Join(err, c.RemoveDevice(ctx, d.ID))
		}
	}
	return err
}

// shelve moves envelopes aside or back while the place is stopped: as if the network had lost or delayed them.
func (o *operator) shelve(ctx context.Context, first, second string, args ...any) error {
	return o.whileStopped(func() error {
		db, err := sql.Open("sqlite", filepath.Join(o.place.Data, "chatalot.db"))
		if err != nil {
			return err
		}
		defer db.Close()
		if _, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS temp_shelf AS SELECT * FROM envelope WHERE 0"); err != nil {
			return err
		}
		done, err := db.ExecContext(ctx, first, args...)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); n == 0 || err != nil {
			return fmt.Errorf("no envelope was there to move (%v)", err)
		}
		_, err = db.ExecContext(ctx, second)
		return err
	})
}
