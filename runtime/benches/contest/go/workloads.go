package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// As in ../src/primitives/mod.rs.
const (
	room        = 128
	lockers     = 1_000
	tasks       = 100
	permits     = 10
	writesEvery = 20
	pairs       = 4
	objectBytes = 4_096
	steps       = 700
)

// Objects that the pool has made in this round.
var made atomic.Int64

// What nobody reads: it keeps the compiler from leaving the work out.
var sink atomic.Uint64

// Runs a body in so many goroutines, and waits for them.
func all(number int, body func()) {
	var group sync.WaitGroup
	group.Add(number)
	for i := 0; i < number; i++ {
		go func() {
			defer group.Done()
			body()
		}()
	}
	group.Wait()
}

func spawnJoin(count int) {
	all(count, func() {})
}

func spawnJoinAll(count int) {
	workers := runtime.GOMAXPROCS(0)
	all(workers, func() { spawnJoin(count / workers) })
}

func waves(count, tasks int) {
	for i := 0; i < count/tasks; i++ {
		spawnJoin(tasks)
	}
}

func spawnThenJoin(count int) {
	for i := 0; i < count; i++ {
		done := make(chan int, 1)
		go func() { done <- i }()
		<-done
	}
}

// Waits for the gate, where there is one, before the first round trip.
func roundTrips(count int, gate chan struct{}) {
	there, back := make(chan int, 1), make(chan int, 1)
	go func() {
		for number := range there {
			back <- number
		}
	}()
	if gate != nil {
		waiting.Add(1)
		<-gate
		waiting.Add(-1)
	}
	for i := 0; i < count; i++ {
		there <- i
		<-back
	}
	close(there)
}

func yields(count, number int) {
	all(number, func() {
		for i := 0; i < count/number; i++ {
			runtime.Gosched()
		}
	})
}

// Goroutines that a goroutine of skynet starts.
const below = 10

func skynet1m(count int) {
	sum := make(chan int)
	go skynet(sum, 0, count)
	if <-sum != count*(count-1)/2 {
		panic("a leaf is missing")
	}
}

// Sends the sum of the leaves, numbered from first on.
func skynet(sum chan<- int, first, leaves int) {
	if leaves == 1 {
		sum <- first
		return
	}
	each := (leaves + below - 1) / below
	sums, number := make(chan int), 0
	for at := 0; at < leaves; at += each {
		size := each
		if size > leaves-at {
			size = leaves - at
		}
		go skynet(sums, first+at, size)
		number++
	}
	total := 0
	for ; number > 0; number-- {
		total += <-sums
	}
	sum <- total
}

func sleepers(count int, each time.Duration) {
	all(count, func() { time.Sleep(each) })
}

//go:noinline
func recurse(bytes int, atBottom func()) int {
	var locals [256]byte
	for i := range locals {
		locals[i] = byte(bytes)
	}
	below := 0
	if bytes > len(locals) {
		below = recurse(bytes-len(locals), atBottom)
	} else {
		atBottom()
	}
	return below + int(locals[bytes&255])
}

func recursion(count int, atBottom func()) {
	all(count, func() { sink.Add(uint64(recurse(64*1024, atBottom))) })
}

func channel(count, senders, receivers int, messages chan int) {
	var sending sync.WaitGroup
	sending.Add(senders)
	for i := 0; i < senders; i++ {
		go func() {
			defer sending.Done()
			for number := 0; number < count/senders; number++ {
				messages <- number
			}
		}()
	}
	go func() {
		sending.Wait()
		close(messages)
	}()
	all(receivers, func() {
		for range messages {
		}
	})
}

func select2(count int) {
	send := func() chan int {
		messages := make(chan int, room)
		go func() {
			for number := 0; number < count/2; number++ {
				messages <- number
			}
		}()
		return messages
	}
	left, right := send(), send()
	for i := 0; i < count/2*2; i++ {
		select {
		case <-left:
		case <-right:
		}
	}
}

func mutex(count int) {
	var lock sync.Mutex
	number := 0
	all(lockers, func() {
		for i := 0; i < count/lockers; i++ {
			lock.Lock()
			number++
			lock.Unlock()
		}
	})
}

func rwlock(count int) {
	var lock sync.RWMutex
	number := 0
	all(tasks, func() {
		for i := 0; i < count/tasks; i++ {
			if i%writesEvery == 0 {
				lock.Lock()
				number++
				lock.Unlock()
				continue
			}
			lock.RLock()
			if number > count {
				panic("more writes than there were")
			}
			lock.RUnlock()
		}
	})
}

// A channel with room for the permits, as Go does it.
func semaphore(count int) {
	held := make(chan struct{}, permits)
	all(tasks, func() {
		for i := 0; i < count/tasks; i++ {
			held <- struct{}{}
			runtime.Gosched()
			<-held
		}
	})
}

func waitGroup(count int) {
	for i := 0; i < count/tasks; i++ {
		all(tasks, func() {})
	}
}

func timers(count int) {
	all(tasks, func() {
		for i := 0; i < count/tasks; i++ {
			time.NewTimer(time.Hour).Stop()
		}
	})
}

func pool(count int) {
	objects := sync.Pool{New: func() any {
		made.Add(1)
		return new([objectBytes]byte)
	}}
	all(pairs, func() {
		messages := make(chan any, room)
		go func() {
			for i := 0; i < count/pairs; i++ {
				messages <- objects.Get()
			}
			close(messages)
		}()
		for object := range messages {
			objects.Put(object)
		}
	})
}

//go:noinline
func work(seed uint64) uint64 {
	for step := uint64(0); step < steps; step++ {
		seed = (seed ^ step) * 0x9e3779b97f4a7c15
	}
	return seed
}

func works(count int, yields bool) {
	all(tasks, func() {
		sum := uint64(0)
		for i := 0; i < count/tasks; i++ {
			sum += work(uint64(i))
			if yields {
				runtime.Gosched()
			}
		}
		sink.Add(sum)
	})
}
