import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Builds the package, by `node`. */
export const buildScript = fileURLToPath(new URL('build.mjs', import.meta.url));

/** Something the person at the keyboard can put right: printed without a stack. */
export class Obstacle extends Error {}

/** Runs a program that talks to the terminal itself. Resolves with its exit code. */
export function run(file, args, { env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...env },
    });
    // Ctrl-C reaches the child as well, other signals only us. It cleans up, and we wait for it.
    const wait = () => {};
    const passOn = (signal) => child.kill(signal);
    process.on('SIGINT', wait).on('SIGTERM', passOn);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.off('SIGINT', wait).off('SIGTERM', passOn);
      resolve(signal ? 1 : (code ?? 1));
    });
  });
}

/** Runs a program silently. Resolves with its exit code and all it wrote. */
export function capture(file, args, { env, cwd = root } = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    child.once('error', (error) => resolve({ code: 127, output: error.message }));
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Shows that something long is going on: one line that counts seconds. */
export async function withProgress(label, work) {
  const begun = performance.now();
  const seconds = () => Math.round((performance.now() - begun) / 1000);
  const { isTTY } = process.stderr;
  const show = () =>
    process.stderr.write(
      isTTY ? `\r${label} … ${seconds()} s ` : `${label} … ${seconds() || ''}\n`,
    );
  show();
  const timer = setInterval(show, isTTY ? 1000 : 15_000);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    process.stderr.write(isTTY ? `\r${label}: ${seconds()} s \n` : `${label}: ${seconds()} s\n`);
  }
}

/**
 * Runs a program silently, with progress.
 *
 * @throws Obstacle with the gist of its output when it fails.
 */
export async function must(label, file, args, options) {
  const { code, output } = await withProgress(label, () => capture(file, args, options));
  if (code === 0) return output;
  throw new Obstacle(`${label}: failed with code ${code}.\n${gist(output)}`);
}

/** The beginning and the end of an output: tools say what is wrong in one of them. */
export function gist(output, lines = 30) {
  const all = output.trim().split('\n');
  if (all.length <= lines) return all.join('\n');
  const half = lines / 2;
  return [...all.slice(0, half), '…', ...all.slice(-half)].join('\n');
}

/** The path of a tool of node_modules. */
export function tool(name) {
  return fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));
}

/** Ends the process as the work says; an obstacle is told without a stack. */
export async function main(work) {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    if (!(error instanceof Obstacle)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
