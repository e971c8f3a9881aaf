import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { answers, engineAt, findEngine, ownEngineFolder, ownEngineSocket } from './engine.mjs';
import { Obstacle, withProgress } from './run.mjs';
import { findBinary, installer, installPackages } from './servers.mjs';

/** From what works on most machines to what works in a narrow sandbox. */
const manners = [
  [],
  ['--storage-driver=vfs'],
  ['--iptables=false'],
  ['--iptables=false', '--storage-driver=vfs'],
];
const startTimeoutMs = 30_000;
const stopTimeoutMs = 30_000;

/**
 * Finds a container engine, or starts one with data of its own. `stop()` ends it only if it was
 * started here.
 *
 * @throws Obstacle when no engine can run on this machine.
 */
export async function ensureEngine() {
  const found = await findEngine();
  if (found) return { ...found, stop: async () => {} };
  if (process.getuid?.() !== 0) {
    throw new Obstacle('no container engine answers, and only root could start one');
  }
  if (!findBinary('dockerd')) {
    if (!(await installer())) {
      throw new Obstacle('no container engine answers, and none can be installed');
    }
    await installPackages('Installing docker.io', ['docker.io', 'debootstrap']);
  }
  return withProgress('Starting a container engine', start);
}

async function start() {
  mkdirSync(ownEngineFolder, { recursive: true, mode: 0o700 });
  const log = join(ownEngineFolder, 'dockerd.log');
  for (const manner of manners) {
    const daemon = launch(log, manner);
    const engine = engineAt(`unix://${ownEngineSocket}`);
    const deadline = performance.now() + startTimeoutMs;
    while (!daemon.ended && performance.now() < deadline) {
      if (await answers(engine)) return { ...engine, stop: daemon.stop };
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await daemon.stop();
  }
  throw new Obstacle(`no container engine can run on this machine: ${lastLine(log)}`);
}

function launch(log, manner) {
  const output = openSync(log, 'a');
  const child = spawn(
    findBinary('dockerd'),
    [
      `--data-root=${join(ownEngineFolder, 'data')}`,
      `--exec-root=${join(ownEngineFolder, 'exec')}`,
      `--pidfile=${join(ownEngineFolder, 'dockerd.pid')}`,
      `--host=unix://${ownEngineSocket}`,
      ...manner,
    ],
    { stdio: ['ignore', output, output], detached: true },
  );
  closeSync(output);
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
    child.once('error', resolve);
  });
  const daemon = {
    ended: false,
    stop: async () => {
      child.kill('SIGTERM');
      const impatience = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      await ended;
      clearTimeout(impatience);
    },
  };
  ended.then(() => {
    daemon.ended = true;
  });
  return daemon;
}

function lastLine(file) {
  return readFileSync(file, 'utf8').trim().split('\n').at(-1);
}
