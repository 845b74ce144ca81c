#!/usr/bin/env bash
# Interpreters and a Go server, recorded on the host, then started by each container engine.
. "$(dirname "$0")/../lib-container.bash"
. "$(dirname "$0")/../lib-roundtrip.bash"
roundtrip_init

workload python
command=(python3 "$W/work.py")
setup()
{
	cat >work.py <<-'END'
		import hashlib, json, multiprocessing, os, sqlite3, subprocess, tempfile, threading

		def square(n):
		    return n * n

		if __name__ == "__main__":
		    with tempfile.TemporaryDirectory() as place:
		        db = sqlite3.connect(os.path.join(place, "db"))
		        db.execute("create table t (a)")
		        db.executemany("insert into t values (?)", [(n,) for n in range(100)])
		        db.commit()
		        print(db.execute("select sum(a) from t").fetchone()[0])
		    threads = [threading.Thread(target=square, args=(n,)) for n in range(8)]
		    for thread in threads: thread.start()
		    for thread in threads: thread.join()
		    with multiprocessing.Pool(2) as pool:
		        print(pool.map(square, range(5)))
		    print(subprocess.run(["echo", "child"], capture_output=True).stdout)
		    with open("/tmp/scratch", "w") as file:
		        json.dump({"hash": hashlib.sha256(b"x").hexdigest()}, file)
		    print(open("/tmp/scratch").read())
		    os.unlink("/tmp/scratch")
	END
}
runs=2
roundtrip

workload node
command=(node "$W/server.js")
port=8081
setup()
{
	seq 1 5000 >data.txt
	cat >server.js <<-'END'
		const http = require('http'), fs = require('fs'), crypto = require('crypto');
		const { execFile } = require('child_process');
		const { Worker } = require('worker_threads');
		const routes = {
			'/file': (res) => fs.createReadStream('data.txt').pipe(res),
			'/hash': (res) => crypto.pbkdf2('word', 'salt', 20000, 32, 'sha256',
				(err, key) => res.end(key.toString('hex') + '\n')),
			'/child': (res) => execFile('/bin/echo', ['from a child'], (err, out) => res.end(err ? String(err) : out)),
			'/worker': (res) => new Worker(
				'require("worker_threads").parentPort.postMessage([1, 2, 3].reduce((a, b) => a + b))',
				{ eval: true }).on('message', (sum) => res.end(sum + '\n')),
			'/write': (res) => fs.promises.writeFile('new', 'text')
				.then(() => fs.promises.rename('new', 'renamed'))
				.then(() => fs.promises.readdir('.')).then((names) => res.end(names.sort() + '\n')),
		};
		const server = http.createServer((req, res) => {
			if (routes[req.url]) return routes[req.url](res);
			res.statusCode = 404;
			res.end('no such page\n');
		});
		process.on('SIGTERM', () => { server.closeAllConnections(); server.close(() => process.exit(0)); });
		server.listen(8081, '127.0.0.1');
	END
}
client()
{
	local page

	for page in absent hash child worker write; do curl -s --max-time 20 "http://127.0.0.1:8081/$page"; done
	curl -s --max-time 20 http://127.0.0.1:8081/file | md5sum
}
runs=2
roundtrip

workload go
command=("$F/server")
port=8082
account=nobody
cat >"$F/server.go" <<'END'
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
)

func answer(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		switch lines.Text() {
		case "file":
			os.WriteFile("file", []byte("text"), 0600)
			text, err := os.ReadFile("file")
			fmt.Fprintln(conn, string(text), err)
		case "child":
			out, err := exec.Command("echo", "from a child").Output()
			fmt.Fprintln(conn, string(out), err)
		default:
			fmt.Fprintln(conn, lines.Text())
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:8082")
	if err != nil {
		panic(err)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go answer(conn)
	}
}
END
client()
{
	local i

	for ((i = 0; i < 5; i++)); do
		exec 3<>/dev/tcp/127.0.0.1/8082
		printf 'file\nchild\nhello\n' >&3
		head -n 4 <&3
	done
}
if t_have go; then
	(cd "$F" && HOME=$T GOCACHE=$T/go GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o server server.go) ||
		t_fail "the server is built"
	runs=3
	roundtrip
else
	t_skip go "$t_missing is not installed"
fi

t_end
