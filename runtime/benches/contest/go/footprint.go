package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// As in ../src/footprint/mod.rs and ../src/contestant.rs.
const (
	beforeIdle = 1_000
	settling   = 500 * time.Millisecond
	forEver    = time.Hour
)

// Goroutines that have come to wait.
var waiting atomic.Int64

// What goroutines hold that sleep; they are left to the end of the process.
func alive(answer *report, _ int) {
	before := held()
	for i := 0; i < answer.Count; i++ {
		go func() {
			waiting.Add(1)
			time.Sleep(forEver)
		}()
	}
	untilWaiting(answer.Count)
	bytes := float64(held()-before) / float64(answer.Count)
	answer.Bytes = &bytes
}

// The share of a core that is used while nothing is done.
func idle(answer *report, _ int) {
	all(beforeIdle, runtime.Gosched)
	time.Sleep(settling)
	begin, before := time.Now(), used()
	time.Sleep(time.Duration(answer.Count) * time.Second)
	share := (used() - before).Seconds() / time.Since(begin).Seconds()
	answer.Share = &share
}

// Round trips of so many goroutines in pairs, from when all are there.
func pairsOf(answer *report, tasks int) {
	from := func(count, pairs int) time.Duration {
		gate := make(chan struct{})
		var group sync.WaitGroup
		group.Add(pairs)
		for i := 0; i < pairs; i++ {
			go func() {
				roundTrips(count/pairs, gate)
				group.Done()
			}()
		}
		untilWaiting(pairs)
		begin := time.Now()
		close(gate)
		group.Wait()
		return time.Since(begin)
	}
	from(answer.Count/10, tasks/20+1)
	answer.NsPerOp = float64(from(answer.Count, tasks/2).Nanoseconds()) / float64(answer.Count)
}

func untilWaiting(count int) {
	for waiting.Load() < int64(count) {
		runtime.Gosched()
	}
}

// Until all have begun to sleep, and longer.
func nap(tasks int) time.Duration {
	return 100*time.Millisecond + time.Duration(2*tasks)*time.Microsecond
}

// The processor time that goroutines take that sleep.
func nappers(answer *report, tasks int) {
	sleepers(tasks/10+2, nap(tasks/10))
	before := used()
	sleepers(tasks, nap(tasks))
	answer.NsPerOp = float64((used() - before).Nanoseconds()) / float64(answer.Count)
}

// The processor time that this process has used.
func used() time.Duration {
	var usage syscall.Rusage
	fail(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// The resident set and the page tables that map it.
func held() int {
	status, err := os.ReadFile("/proc/self/status")
	fail(err)
	bytes := 0
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") || strings.HasPrefix(line, "VmPTE:") {
			kilobytes, err := strconv.Atoi(strings.Fields(line)[1])
			fail(err)
			bytes += kilobytes * 1024
		}
	}
	return bytes
}
