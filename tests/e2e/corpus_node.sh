#!/usr/bin/env bash
# node: an HTTP server that reads files, uses the thread pool, worker threads and a child process.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init node curl

command=(node "$W/server.js")
runs=2
used=("$(readlink -f "$(command -v node)")" "$W/server.js" "$W/data.txt")
unused=(/etc/shadow "$W/other.js")

setup()
{
	seq 1 5000 >data.txt
	cat >server.js <<-'END'
		const http = require('http'), fs = require('fs'), crypto = require('crypto');
		const zlib = require('zlib'), { execFile } = require('child_process');
		const { Worker } = require('worker_threads');
		const routes = {
			'/file': (res) => fs.createReadStream(process.env.W + '/data.txt').pipe(res),
			'/gzip': (res) => fs.createReadStream(process.env.W + '/data.txt')
				.pipe(zlib.createGzip()).pipe(zlib.createGunzip()).pipe(res),
			'/hash': (res) => crypto.pbkdf2('word', 'salt', 20000, 32, 'sha256',
				(err, key) => res.end(key.toString('hex') + '\n')),
			'/child': (res) => execFile('/bin/echo', ['from a child'], (err, out) => res.end(err ? String(err) : out)),
			'/worker': (res) => new Worker(
				'require("worker_threads").parentPort.postMessage([1, 2, 3].reduce((a, b) => a + b))',
				{ eval: true }).on('message', (sum) => res.end(sum + '\n')),
			'/write': (res) => fs.promises.writeFile(process.env.W + '/new', 'text')
				.then(() => fs.promises.rename(process.env.W + '/new', process.env.W + '/renamed'))
				.then(() => fs.promises.readdir(process.env.W)).then((names) => res.end(names.sort() + '\n')),
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
	local url=http://127.0.0.1:8081 page i

	curl -s --max-time 20 --retry 100 --retry-connrefused --retry-delay 0 --retry-max-time 20 "$url/absent" || return
	for page in hash child worker write; do curl -s --max-time 20 "$url/$page"; done
	for page in file gzip; do curl -s --max-time 20 "$url/$page" | md5sum; done
	for i in 1 2 3 4 5 6 7 8; do curl -s --max-time 20 "$url/file" "$url/hash" & done | md5sum | wc -l
	wait
}

corpus_main
