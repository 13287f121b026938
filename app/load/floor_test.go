package load

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/coder/websocket"
	_ "modernc.org/sqlite"
)

// The floor is the least a durable chat can do on this machine: it decodes a message, commits it to SQLite with the same pragmas, waiting
// writes sharing a commit, writes it to every socket, and answers. It checks nothing and knows nobody. It runs as a process of its own, as the
// place does, so that both pay for the same kernel and the same load generator.
type floor struct {
	db      *sql.DB
	queue   chan floorWrite
	mu      sync.Mutex
	sockets map[chan []byte]bool
}

type floorWrite struct {
	message floorMessage
	done    chan error
}

type floorMessage struct {
	Seq        int64  `json:"seq"`
	ID         string `json:"message_id"`
	Ciphertext []byte `json:"ciphertext"`
}

// serveFloor is what the child process runs: it prints its address and serves until it is killed.
func serveFloor(dir string) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "floor.db")+
		"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=secure_delete(on)&_txlock=immediate")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`CREATE TABLE message (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, ciphertext BLOB NOT NULL) STRICT`); err != nil {
		return err
	}
	f := &floor{db: db, queue: make(chan floorWrite, 1024), sockets: map[chan []byte]bool{}}
	go f.write()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /send", f.send)
	mux.HandleFunc("GET /events", f.events)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, l.Addr())
	return http.Serve(l, mux)
}

func (f *floor) write() {
	for first := range f.queue {
		batch := []floorWrite{first}
		for more := true; more && len(batch) < 256; {
			select {
			case next := <-f.queue:
				batch = append(batch, next)
			default:
				more = false
			}
		}
		err := f.commit(batch)
		for _, w := range batch {
			if err == nil {
				f.tell(w.message)
			}
			w.done <- err
		}
	}
}

func (f *floor) commit(batch []floorWrite) error {
	tx, err := f.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	insert, err := tx.Prepare(`INSERT INTO message (id, ciphertext) VALUES (?, ?) RETURNING seq`)
	if err != nil {
		return err
	}
	for i := range batch {
		if err := insert.QueryRow(batch[i].message.ID, batch[i].message.Ciphertext).Scan(&batch[i].message.Seq); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (f *floor) tell(m floorMessage) {
	frame, _ := json.Marshal(m)
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.sockets {
		s <- frame
	}
}

func (f *floor) send(w http.ResponseWriter, r *http.Request) {
	write := floorWrite{done: make(chan error, 1)}
	if err := json.NewDecoder(r.Body).Decode(&write.message); err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	f.queue <- write
	if err := <-write.done; err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	w.WriteHeader(http.StatusCreated)
	json.NewEncoder(w).Encode(write.message)
}

func (f *floor) events(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	ctx := conn.CloseRead(r.Context())
	frames := make(chan []byte, 4096)
	f.mu.Lock()
	f.sockets[frames] = true
	f.mu.Unlock()
	for {
		select {
		case frame := <-frames:
			if conn.Write(ctx, websocket.MessageText, frame) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// floorTarget is the floor as the load generator sees it.
type floorTarget struct{ url string }

func (t floorTarget) request(_ int, id string, ciphertext []byte) *http.Request {
	body, _ := json.Marshal(floorMessage{ID: id, Ciphertext: ciphertext})
	return post(t.url+"/send", "", body)
}

func (t floorTarget) connect(ctx context.Context, _ int) (*websocket.Conn, error) {
	conn, _, err := websocket.Dial(ctx, "ws"+t.url[4:]+"/events", nil)
	return conn, err
}

func (floorTarget) ids(frame []byte) (ids []string) {
	m := floorMessage{}
	if json.Unmarshal(frame, &m) == nil && m.ID != "" {
		ids = append(ids, m.ID)
	}
	return ids
}

var _ target = floorTarget{}

// settle is how long a measured child is left alone before its memory is read.
const settle = 3 * time.Second

// afterStart is how long a place has its hands full once it has started: five seconds later it copies itself and examines itself.
const afterStart = 15 * time.Second
