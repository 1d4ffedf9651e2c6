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
	"spawn_join": 1_000_000, "spawn_join_all": 1_000_000, "spawn_then_join": 300_000,
	"chan_round_trip": 300_000, "yield_2": 4_000_000, "yield_1000": 4_000_000, "skynet_1m": 1_000_000,
	"sleepers_1m": 1_000_000, "alive_1m": 1_000_000, "recursion": 10_000, "recursion_yield": 10_000,
	"idle": 3, "waves": 200_000, "pairs": 200_000, "sleepers": 10_000,
	"fan_in": 1_000_000, "four_to_four": 1_000_000, "rendezvous": 500_000, "select_2": 1_000_000,
	"mutex_1000": 4_000_000, "rwlock_95": 4_000_000, "semaphore": 500_000, "wait_group": 500_000,
	"timers_1m": 1_000_000, "pool": 500_000, "work": 1_000_000, "work_yield": 1_000_000,
}

// Those that are measured by the time that they take, by operations and, where there are several
// sizes of one, tasks.
var workloads = map[string]func(count, tasks int){
	"spawn_join":      func(count, _ int) { spawnJoin(count) },
	"spawn_join_all":  func(count, _ int) { spawnJoinAll(count) },
	"spawn_then_join": func(count, _ int) { spawnThenJoin(count) },
	"chan_round_trip": func(count, _ int) { roundTrips(count, nil) },
	"yield_2":         func(count, _ int) { yields(count, 2) },
	"yield_1000":      func(count, _ int) { yields(count, 1_000) },
	"skynet_1m":       func(count, _ int) { skynet1m(count) },
	"sleepers_1m":     func(count, _ int) { sleepers(count, time.Second) },
	"recursion":       func(count, _ int) { recursion(count, func() {}) },
	"recursion_yield": func(count, _ int) { recursion(count, runtime.Gosched) },
	"fan_in":          func(count, _ int) { channel(count, 16, 1, make(chan int, room)) },
	"four_to_four":    func(count, _ int) { channel(count, 4, 4, make(chan int, room)) },
	"rendezvous":      func(count, _ int) { channel(count, 1, 1, make(chan int)) },
	"select_2":        func(count, _ int) { select2(count) },
	"mutex_1000":      func(count, _ int) { mutex(count) },
	"rwlock_95":       func(count, _ int) { rwlock(count) },
	"semaphore":       func(count, _ int) { semaphore(count) },
	"wait_group":      func(count, _ int) { waitGroup(count) },
	"timers_1m":       func(count, _ int) { timers(count) },
	"pool":            func(count, _ int) { pool(count) },
	"work":            func(count, _ int) { works(count, false) },
	"work_yield":      func(count, _ int) { works(count, true) },
	"waves":           waves,
}

// Those that are measured otherwise; each fills in its own part of the report.
var figures = map[string]func(answer *report, tasks int){
	"alive_1m": alive,
	"idle":     idle,
	"pairs":    pairsOf,
	"sleepers": nappers,
}

type report struct {
	Runtime   string   `json:"runtime"`
	Bench     string   `json:"bench"`
	Workers   int      `json:"workers"`
	Count     int      `json:"count"`
	NsPerOp   float64  `json:"ns_per_op,omitempty"`
	ElapsedNs int64    `json:"elapsed_ns,omitempty"`
	Reused    *float64 `json:"reused,omitempty"`
	Bytes     *float64 `json:"bytes_per_task,omitempty"`
	Share     *float64 `json:"share,omitempty"`
	Skipped   string   `json:"skipped,omitempty"`
}

func main() {
	name := flag.String("runtime", "go", "this one")
	bench := flag.String("bench", "", "the load")
	workers := flag.Int("workers", 2, "threads that run goroutines")
	count := flag.Int("count", 0, "operations, instead of the bench's own number")
	tasks := flag.Int("tasks", 100, "of waves, pairs and sleepers: goroutines at a time")
	serving := flag.Bool("serve", false, "serve echo instead of carrying a load")
	flag.Parse()
	runtime.GOMAXPROCS(*workers)
	if *serving {
		fail(serve())
	}
	if *count == 0 {
		*count = operations[*bench]
	}
	answer := report{Runtime: *name, Bench: *bench, Workers: *workers, Count: *count}
	if workload, ok := workloads[*bench]; ok {
		measure(&answer, workload, *tasks)
	} else if figure, ok := figures[*bench]; ok {
		figure(&answer, *tasks)
	} else {
		answer.Skipped = "the standard library has none"
	}
	fail(json.NewEncoder(os.Stdout).Encode(answer))
}

// Ends the process if there is an error.
func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A round of a tenth first, which is not reported.
func measure(answer *report, workload func(count, tasks int), tasks int) {
	workload(answer.Count/10+1, tasks/10+2)
	made.Store(0)
	start := time.Now()
	workload(answer.Count, tasks)
	elapsed := time.Since(start)
	answer.ElapsedNs = elapsed.Nanoseconds()
	answer.NsPerOp = float64(answer.ElapsedNs) / float64(answer.Count)
	if answer.Bench == "pool" {
		reused := 1 - float64(made.Load())/float64(answer.Count)
		answer.Reused = &reused
	}
}
