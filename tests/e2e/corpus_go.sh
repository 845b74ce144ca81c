#!/usr/bin/env bash
# A Go program: goroutines on several threads, channels, timers, an HTTP server and its client, a
# child process, files. Its runtime's calls depend on timing, so several runs are united.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init go

command=("$F/program")
runs=3
used=("$W/in")
unused=(/etc/shadow "$W/in.bak")

cat >"$F/program.go" <<'END'
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

func spin(n int) int {
	sum := 0
	for i := 0; i < 3000000; i++ {
		sum += i % n
	}
	return sum
}

func compute() int {
	var wait sync.WaitGroup
	results := make(chan int, 64)
	for i := 1; i <= 64; i++ {
		wait.Add(1)
		go func(n int) { defer wait.Done(); results <- spin(n) }(i)
	}
	wait.Wait()
	close(results)
	sum := 0
	for r := range results {
		sum += r
	}
	runtime.GC()
	return sum
}

func serve() int {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, strings.Repeat("x", 1000)) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, nil)
	total := 0
	for i := 0; i < 20; i++ {
		response, err := http.Get("http://" + listener.Addr().String() + "/")
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		total += len(body)
	}
	return total
}

func main() {
	fmt.Println(compute(), serve())
	text, err := os.ReadFile(os.Getenv("W") + "/in")
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(os.Getenv("W")+"/out", []byte(strings.ToUpper(string(text))), 0o600); err != nil {
		panic(err)
	}
	out, err := exec.Command("/bin/echo", "child").Output()
	fmt.Println(string(out), err)
	select {
	case <-time.After(50 * time.Millisecond):
	}
}
END
(cd "$F" && HOME=$F GOFLAGS=-mod=mod GO111MODULE=off CGO_ENABLED=0 go build -o program program.go) || exit 1

setup() { echo text >in; }
report() { cat out; }

corpus_main
