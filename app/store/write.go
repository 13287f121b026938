package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// maxBatch is how many waiting writes share one commit at most, and batchTime how long they may take to run before it: nobody waits
// longer than that for a neighbour.
const (
	maxBatch  = 256
	batchTime = 5 * time.Millisecond
)

// A job is one write on its way through the writer.
type job struct {
	fn      func(*Tx) error
	state   atomic.Int32 // jobWaiting, then either of the others
	tx      *Tx
	err     error
	paniced any
	done    chan struct{}
}

const (
	jobWaiting int32 = iota
	jobRunning
	jobWithdrawn
)

// Write calls fn inside the one write transaction and returns when its effects are on disk. Writes that wait at the same time share a
// commit; each stands in a savepoint of its own, so that an error from fn undoes that write only. fn runs on the writer's goroutine:
// what needs no transaction (hashing, signatures, encoding) belongs before it. A ctx that ends before fn has begun withdraws the write;
// afterwards Write waits for the outcome.
// After an error that is not fn's own the outcome may be unknown: ids chosen by clients make the retry safe.
func (s *Store) Write(ctx context.Context, fn func(*Tx) error) error {
	j := &job{fn: fn, done: make(chan struct{})}
	select {
	case <-s.closing:
		return ErrClosed
	default:
	}
	select {
	case s.jobs <- j:
	case <-s.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobWaiting, jobWithdrawn) {
			return ctx.Err()
		}
		<-j.done
	case <-s.ended: // queued behind the writer's last look
		if j.state.CompareAndSwap(jobWaiting, jobWithdrawn) {
			return ErrClosed
		}
		<-j.done
	}
	if j.paniced != nil {
		panic(j.paniced) // on the goroutine whose code it was
	}
	return j.err
}

// writeLoop is the writer: it alone uses the writing connection.
func (s *Store) writeLoop() {
	defer close(s.ended)
	batch := make([]*job, 0, maxBatch)
	for {
		select {
		case j := <-s.jobs:
			batch = s.commitBatch(append(batch[:0], j))
		case answer := <-s.looks:
			answer <- s.look()
		case <-s.closing:
			s.drain(batch)
			return
		}
		clear(batch)
	}
}

// drain finishes what was queued before Close.
func (s *Store) drain(batch []*job) {
	for {
		select {
		case j := <-s.jobs:
			batch = s.commitBatch(append(batch[:0], j))
		default:
			return
		}
	}
}

// commitBatch runs the first job and all that wait behind it, commits once, tells the hook and answers everybody.
func (s *Store) commitBatch(batch []*job) []*job {
	var err error
	if s.broken.Load() {
		err = ErrBroken
	} else if err = s.writer.run("BEGIN IMMEDIATE"); err != nil {
		err = s.fail("begin writing", plain(err))
	}
	if err == nil {
		if batch, err = s.runBatch(batch); err == nil {
			err = s.commit(batch)
		} else if end := s.writer.run("ROLLBACK"); end != nil {
			s.log.Debug("nothing left to roll back", "err", end)
		}
	}
	for _, j := range batch {
		if err != nil {
			j.err = err
		}
	}
	s.warnIfRefused(batch)
	for _, j := range batch {
		close(j.done)
	}
	return batch
}

// warnIfRefused tells the operator, once for a batch, what only the operator can mend; the people concerned are told by their answers.
func (s *Store) warnIfRefused(batch []*job) {
	for _, j := range batch {
		if errors.Is(j.err, ErrFull) || errors.Is(j.err, ErrBusy) {
			s.log.Error("writes are refused", "err", j.err)
			return
		}
	}
}

// runBatch runs jobs until none waits or time is up. An error means that the transaction as a whole is lost.
func (s *Store) runBatch(batch []*job) ([]*job, error) {
	began := time.Now()
	if err := s.runJob(batch[0]); err != nil {
		return batch, err
	}
	for len(batch) < maxBatch && time.Since(began) < batchTime {
		select {
		case j := <-s.jobs:
			batch = append(batch, j)
			if err := s.runJob(j); err != nil {
				return batch, err
			}
		default:
			return batch, nil
		}
	}
	return batch, nil
}

// runJob runs one job inside its savepoint. j.err is the job's own failure; the returned error loses the whole transaction.
func (s *Store) runJob(j *job) error {
	if !j.state.CompareAndSwap(jobWaiting, jobRunning) {
		return nil
	}
	if err := s.writer.run("SAVEPOINT job"); err != nil {
		return s.fail("set a savepoint", plain(err))
	}
	j.tx = &Tx{conn: s.writer, ctx: context.Background(), now: s.now().UnixMilli(), writes: true}
	j.call()
	if j.tx.failed != nil && isFatal(j.tx.failed) {
		return s.fail("write", j.tx.failed)
	}
	if j.err != nil || j.paniced != nil {
		j.tx.forget()
		if err := s.writer.run("ROLLBACK TO job"); err != nil { // SQLite has rolled everything back by itself: a full disk does that
			return s.fail("undo a write", plain(firstOf(j.tx.failed, err)))
		}
	}
	if err := s.writer.run("RELEASE job"); err != nil {
		return s.fail("release a savepoint", plain(err))
	}
	return nil
}

func (j *job) call() {
	defer func() { j.paniced = recover() }()
	j.err = j.fn(j.tx)
}

func (s *Store) commit(batch []*job) error {
	if err := s.writer.run("COMMIT"); err != nil {
		end := s.writer.run("ROLLBACK")
		return s.fail("commit", plain(fmt.Errorf("%w (rolled back: %v)", err, end == nil)))
	}
	s.tell(batch)
	s.countPages()
	return nil
}

// tell gives the hook what the whole commit changed.
func (s *Store) tell(batch []*job) {
	var c Commit
	for _, j := range batch {
		if j.tx != nil {
			c.Rows = append(c.Rows, j.tx.rows...)
			c.Members = append(c.Members, j.tx.members...)
		}
	}
	if hook := s.committed.Load(); hook != nil && (len(c.Rows) > 0 || len(c.Members) > 0) {
		(*hook)(c)
	}
	for _, j := range batch {
		if j.tx == nil {
			continue
		}
		for _, f := range j.tx.after {
			f()
		}
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
