package core

// Core is one device. It is not safe for concurrent use: one owner calls it, as one owner holds the state.
type Core struct {
	cfg    Config
	state  *state
	own    *account // as last read, from ownRaw
	ownRaw []byte
}

// New takes the whole state (empty for a new device) and keeps the map. It fails with the code "state" when the state cannot be read.
func New(cfg Config, stored map[string][]byte) (*Core, error) {
	s, err := newState(stored)
	if err != nil {
		return nil, err
	}
	c := &Core{cfg: cfg, state: s}
	if s.get(accountKey) != nil {
		if _, err := c.self(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Pending returns what the last changing call wants to have committed, in no order; empty when there is nothing.
func (c *Core) Pending() []Write { return c.state.writes() }

// Commit says that the pending writes are durable.
func (c *Core) Commit() { c.state.commit() }

// Discard forgets the pending writes: the state is as it was before the call.
func (c *Core) Discard() { clear(c.state.pending) }
