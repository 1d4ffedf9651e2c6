// One workload on Go in one process: the same command line and the same line of JSON as the
// program beside it in ../src, and the same workloads. `cargo xtask bench peers` builds and runs it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

// Operations of a round, unless the caller says otherwise; as in ../src/contestant.rs.
var operations = map[string]int{
	"spawn_join": 1_000_000, "spawn_then_join": 300_000, "chan_round_trip": 300_000,
	"yield_2": 4_000_000, "yield_1000": 4_000_000, "sleepers_1m": 1_000_000, "recursion": 10_000,
	"fan_in": 1_000_000, "four_to_four": 1_000_000, "rendezvous": 500_000, "select_2": 1_000_000,
	"mutex_1000": 4_000_000, "rwlock_95": 4_000_000, "semaphore": 500_000, "wait_group": 500_000,
	"timers_1m": 1_000_000, "pool": 500_000, "work": 1_000_000, "work_yield": 1_000_000,
}

var workloads = map[string]func(count int){
	"spawn_join":      spawnJoin,
	"spawn_then_join": spawnThenJoin,
	"chan_round_trip": roundTrips,
	"yield_2":         func(count int) { yields(count, 2) },
	"yield_1000":      func(count int) { yields(count, 1_000) },
	"sleepers_1m":     sleepers,
	"recursion":       recursion,
	"fan_in":          func(count int) { channel(count, 16, 1, make(chan int, room)) },
	"four_to_four":    func(count int) { channel(count, 4, 4, make(chan int, room)) },
	"rendezvous":      func(count int) { channel(count, 1, 1, make(chan int)) },
	"select_2":        select2,
	"mutex_1000":      mutex,
	"rwlock_95":       rwlock,
	"semaphore":       semaphore,
	"wait_group":      waitGroup,
	"timers_1m":       timers,
	"pool":            pool,
	"work":            func(count int) { works(count, false) },
	"work_yield":      func(count int) { works(count, true) },
}

type report struct {
	Runtime   string   `json:"runtime"`
	Bench     string   `json:"bench"`
	Workers   int      `json:"workers"`
	Count     int      `json:"count"`
	NsPerOp   float64  `json:"ns_per_op,omitempty"`
	ElapsedNs int64    `json:"elapsed_ns,omitempty"`
	Reused    *float64 `json:"reused,omitempty"`
	Skipped   string   `json:"skipped,omitempty"`
}

func main() {
	name := flag.String("runtime", "go", "this one")
	bench := flag.String("bench", "", "the load")
	workers := flag.Int("workers", 2, "threads that run goroutines")
	count := flag.Int("count", 0, "operations, instead of the bench's own number")
	flag.Parse()
	if *count == 0 {
		*count = operations[*bench]
	}
	answer := report{Runtime: *name, Bench: *bench, Workers: *workers, Count: *count}
	if workload, ok := workloads[*bench]; ok {
		runtime.GOMAXPROCS(*workers)
		measure(&answer, workload)
	} else {
		answer.Skipped = "the standard library has none"
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A round of a tenth first, which is not reported.
func measure(answer *report, workload func(count int)) {
	workload(answer.Count/10 + 1)
	made.Store(0)
	start := time.Now()
	workload(answer.Count)
	elapsed := time.Since(start)
	answer.ElapsedNs = elapsed.Nanoseconds()
	answer.NsPerOp = float64(answer.ElapsedNs) / float64(answer.Count)
	if answer.Bench == "pool" {
		reused := 1 - float64(made.Load())/float64(answer.Count)
		answer.Reused = &reused
	}
}
