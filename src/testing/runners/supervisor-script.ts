/**
 * The program of the supervisor process: parent of all servers of a cluster and owner of its
 * temporary folder. It is handed to `node -e` as text, because a file of its own could not be found
 * again in a user's bundle.
 *
 * Its standard input is a pipe from the test process. The kernel closes that pipe however the test
 * process ends, SIGKILL included; then every server is killed, the folder deleted, and the
 * supervisor ends too. A planned end of the cluster takes the same path.
 *
 * Requests and answers are JSON lines: see `supervisor.ts`.
 */
export const supervisorScript = `
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'meridian-'));
const servers = new Map();
const engines = [];
let ending = false;

const tell = (message) => process.stdout.write(JSON.stringify(message) + '\\n');

const requests = {
  spawn({ id, file, args, log }) {
    const output = fs.openSync(log, 'a');
    // A group of its own, so that what a shell script started is killed with it.
    const child = spawn(file, args, { cwd: folder, detached: true, stdio: ['ignore', output, output] });
    fs.closeSync(output);
    child.once('error', (error) => tell({ id, error: error.message }));
    if (child.pid === undefined) return;
    const pid = child.pid;
    servers.set(pid, child);
    child.once('exit', (code, signal) => {
      servers.delete(pid);
      tell({ exited: pid, code, signal });
      if (ending) endWhenEmpty();
    });
    tell({ id, pid });
  },
  signal({ id, pid, signal }) {
    // Only a child that was not reaped yet: its pid cannot belong to another process.
    tell({ id, sent: servers.get(pid)?.kill(signal) ?? false });
  },
  removeAtEnd({ id, ...engine }) {
    engines.push(engine);
    tell({ id });
  },
};

function end() {
  if (ending) return;
  ending = true;
  for (const [pid, child] of servers) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
  }
  endWhenEmpty();
}

async function endWhenEmpty() {
  if (servers.size > 0) return;
  await Promise.allSettled(engines.map(clearEngine));
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  process.exit(0);
}

async function clearEngine({ address, label, cluster }) {
  const call = (method, path) => new Promise((resolve) => {
    const request = http.request({ ...address, method, path }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => { body += text; });
      response.on('close', () => resolve(body));
    });
    // An engine that is gone has taken its containers along.
    request.on('error', () => resolve('[]'));
    request.end();
  });
  const filters = encodeURIComponent(JSON.stringify({ label: [label + '=' + cluster] }));
  const containers = JSON.parse(await call('GET', '/containers/json?all=1&filters=' + filters));
  await Promise.all(containers.map(({ Id }) => call('DELETE', '/containers/' + Id + '?force=1&v=1')));
  await call('DELETE', '/networks/' + cluster);
}

let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (text) => {
  const lines = (rest + text).split('\\n');
  rest = lines.pop();
  for (const line of lines) {
    const request = JSON.parse(line);
    if (!ending) requests[request.do](request);
  }
});
process.stdin.on('close', end);
// Nobody reads the answers any more: the closed input says the same, and is acted on.
process.stdout.on('error', end);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, end);
tell({ folder });
`;
