package core

import (
	"encoding/binary"
	"strings"

	"chatalot/app/wire/octet"
)

// GenerationKey holds a counter, 8 bytes big-endian, that every commit raises by one. The caller's store refuses a commit that does not follow the
// generation it holds: so a restored profile or a second owner of the same state is stopped before it can repeat a key (E2EE.md N27).
const GenerationKey = "gen"

// recordVersion is the first byte of every record but the generation.
const recordVersion = 0x01

var (
	errPending = fail(CodePending, "The last change is not stored yet.")
	errState   = fail(CodeState, "The keys stored on this device cannot be read. They may be damaged, or written by a newer version of the app.")
)

// state is the stored state under two layers of changes. pending waits for the caller's commit; scratch is the operation in progress, which
// either joins pending or vanishes. A nil value is a removal.
type state struct {
	stored, pending, scratch map[string][]byte
}

func newState(stored map[string][]byte) (*state, error) {
	if stored == nil {
		stored = map[string][]byte{}
	}
	if gen, ok := stored[GenerationKey]; (ok && len(gen) != 8) || (!ok && len(stored) > 0) {
		return nil, errState
	}
	return &state{stored, map[string][]byte{}, map[string][]byte{}}, nil
}

// get returns a value that must not be changed, or nil.
func (s *state) get(key string) []byte {
	for _, layer := range [...]map[string][]byte{s.scratch, s.pending} {
		if value, ok := layer[key]; ok {
			return value
		}
	}
	return s.stored[key]
}

func (s *state) put(key string, value []byte) { s.scratch[key] = value }

func (s *state) remove(key string) {
	if s.get(key) != nil {
		s.scratch[key] = nil
	}
}

// keys returns the keys that begin with prefix, in no order. It walks the whole state: not for what happens with every message.
func (s *state) keys(prefix string) (found []string) {
	seen := map[string]bool{}
	for _, layer := range [...]map[string][]byte{s.stored, s.pending, s.scratch} {
		for key := range layer {
			if strings.HasPrefix(key, prefix) && !seen[key] && s.get(key) != nil {
				seen[key] = true
				found = append(found, key)
			}
		}
	}
	return found
}

// keep joins the operation in progress to what waits for commit.
func (s *state) keep() {
	if len(s.scratch) > 0 {
		for key, value := range s.scratch {
			s.pending[key] = value
		}
		s.pending[GenerationKey] = binary.BigEndian.AppendUint64(nil, s.generation()+1)
	}
	clear(s.scratch)
}

// drop undoes the operation in progress.
func (s *state) drop() { clear(s.scratch) }

func (s *state) generation() uint64 {
	if gen := s.stored[GenerationKey]; gen != nil {
		return binary.BigEndian.Uint64(gen)
	}
	return 0
}

func (s *state) writes() []Write {
	writes := make([]Write, 0, len(s.pending))
	for key, value := range s.pending {
		writes = append(writes, Write{key, value})
	}
	return writes
}

func (s *state) commit() {
	for key, value := range s.pending {
		if value == nil {
			delete(s.stored, key)
		} else {
			s.stored[key] = value
		}
	}
	clear(s.pending)
}

// load reads a record: nil when there is none, the code "state" when it is damaged.
func load[T any](s *state, key string, read func(*octet.Reader) *T) (*T, error) {
	raw := s.get(key)
	if raw == nil {
		return nil, nil
	}
	r := octet.NewReader(raw)
	r.Const(recordVersion, errState)
	v := read(r)
	if r.Done() != nil {
		return nil, errState
	}
	return v, nil
}

// record begins the encoding of a record.
func record(size int) *octet.Writer { return octet.NewWriter(size).U8(recordVersion) }

// change runs a changing call: all of it waits for commit, or none.
func (c *Core) change(act func() error) error {
	if len(c.state.pending) > 0 {
		return errPending
	}
	if err := act(); err != nil {
		c.state.drop()
		return err
	}
	c.state.keep()
	return nil
}

// readTimes reads a short list of numbers, moments (ms) mostly; appendTimes wrote it.
func readTimes(r *octet.Reader, max int) []uint64 {
	list := make([]uint64, r.Count(max, 8))
	for i := range list {
		list[i] = r.U64()
	}
	return list
}

func appendTimes(w *octet.Writer, list []uint64) {
	w.U16(uint16(len(list)))
	for _, t := range list {
		w.U64(t)
	}
}
