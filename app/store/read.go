package store

import (
	"context"
	"errors"
	"sync"
)

// maxReaders bounds the connections that read at the same time; more only compete for the Pi's four cores.
const maxReaders = 4

// pool lends out query_only connections, dialled when first needed.
type pool struct {
	path  string
	slots chan struct{} // a token for each connection that may be out
	mu    *sync.Mutex
	free  *[]*conn
}

func newPool(path string) pool {
	return pool{path: path, slots: make(chan struct{}, maxReaders), mu: new(sync.Mutex), free: new([]*conn)}
}

func (p *pool) take(ctx context.Context) (*conn, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	if n := len(*p.free); n > 0 {
		c := (*p.free)[n-1]
		*p.free = (*p.free)[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	c, err := dial(ctx, p.path, readOnly)
	if err != nil {
		<-p.slots
	}
	return c, err
}

// give takes a connection back; a broken one is closed instead.
func (p *pool) give(c *conn, broken bool) {
	defer func() { <-p.slots }()
	if broken {
		c.close()
		return
	}
	p.mu.Lock()
	*p.free = append(*p.free, c)
	p.mu.Unlock()
}

// close waits for the connections that are out and closes all.
func (p *pool) close() (err error) {
	for range maxReaders {
		p.slots <- struct{}{}
	}
	for _, c := range *p.free {
		err = errors.Join(err, c.close())
	}
	*p.free = nil
	return err
}

// Read calls fn with one consistent snapshot of everything committed. It sees every write that was acknowledged before it began.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	select {
	case <-s.closing:
		return ErrClosed
	default:
	}
	if s.broken.Load() {
		return ErrBroken
	}
	c, err := s.pool.take(ctx)
	if err != nil {
		return s.fail("open a reader", err)
	}
	lost := true // also when fn panics: the connection's transaction is in an unknown state
	defer func() { s.pool.give(c, lost) }()
	err, lost = s.readWith(ctx, c, fn)
	return err
}

func (s *Store) readWith(ctx context.Context, c *conn, fn func(*Tx) error) (err error, lost bool) {
	if err := c.run("BEGIN"); err != nil {
		return s.fail("begin reading", err), true
	}
	tx := &Tx{conn: c, ctx: ctx, now: s.now().UnixMilli()}
	err = fn(tx)
	if tx.failed != nil {
		s.fail("read", tx.failed)
	}
	if end := c.run("ROLLBACK"); end != nil {
		return errors.Join(err, end), true
	}
	return err, false
}
