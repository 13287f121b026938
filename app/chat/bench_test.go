package chat

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// BenchmarkSendAndFanOut sends channel messages from ten people to a channel of fifty, each with a connected device that reads every frame.
func BenchmarkSendAndFanOut(b *testing.B) {
	for _, size := range []int{300, 4000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) { fanOut(b, size) })
	}
}

func fanOut(b *testing.B, size int) {
	h, people, ch := crowd(b, 50)
	ctx, cancel := context.WithCancel(context.Background())
	var delivered atomic.Int64
	var readers, senders sync.WaitGroup
	for _, p := range people {
		s, err := h.Follow(ctx, p.Caller, nil)
		if err != nil {
			b.Fatal(err)
		}
		last := s.Cursor()
		readers.Go(func() {
			defer s.Close()
			for {
				if _, err := s.Next(ctx); err != nil {
					return
				}
				delivered.Add(s.Cursor() - last)
				last = s.Cursor()
			}
		})
	}
	body := string(make([]byte, size))
	work := make(chan struct{}, b.N)
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	b.ResetTimer()
	for i := range 10 {
		senders.Go(func() {
			for range work {
				if _, _, err := h.Send(ctx, people[i].Caller, ch.ID, message(ch.Epoch, body)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	senders.Wait()
	for delivered.Load() < int64(b.N)*50 {
		time.Sleep(100 * time.Microsecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	cancel()
	readers.Wait()
}

// crowd is a public channel with n members.
func crowd(tb testing.TB, n int) (*house, []*someone, wire.Channel) {
	h := newHouse(tb)
	people := []*someone{h.person("p0")}
	c := h.community(people[0])
	for i := 1; i < n; i++ {
		p := h.person(fmt.Sprint("p", i))
		h.join(c.ID, p)
		people = append(people, p)
	}
	ch := h.channel(c.ID, "crowd", signed.PolicyPublic, people[0], people[1:]...)
	return h, people, ch
}

// BenchmarkSendAlone is one message after another, nobody connected: the latency of a durable message.
func BenchmarkSendAlone(b *testing.B) {
	h, people, ch := crowd(b, 2)
	for b.Loop() {
		if _, _, err := h.Send(b.Context(), people[0].Caller, ch.ID, message(ch.Epoch, "hello, this is a message of usual length")); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFloor is the bare floor of the same machine: one durable INSERT after another into one table.
func BenchmarkFloor(b *testing.B) {
	h := newHouse(b)
	for b.Loop() {
		h.write(nothingBut)
	}
}

func nothingBut(tx *store.Tx) error {
	_, err := tx.AppendLog("user", store.ToUser(wire.UserID{1}), "a row of usual length, as large as a message would be")
	return err
}
