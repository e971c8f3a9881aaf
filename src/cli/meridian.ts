#!/usr/bin/env node
import { isMeridianError } from '../errors/meridian-error.ts';
import { placementCommand } from './placement.ts';
import { Refusal } from './refusal.ts';
import { scaleCommand } from './scale.ts';

const commands: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  placement: placementCommand,
  scale: scaleCommand,
};

const usage = `Usage: meridian COMMAND [options]

  placement   slots, rows and bytes of every shard, and the skew
  scale       what scaling policies would have done to a trace of a load

meridian COMMAND --help says more. Exit codes: 0 done; 1 not all of it; 2 nothing could be done.
`;

async function main([name = '', ...args]: readonly string[]): Promise<number> {
  if (name === '--help' || name === '-h') {
    process.stdout.write(usage);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (command === undefined)
      throw new Refusal(name === '' ? usage : `There is no command '${name}'.\n\n${usage}`);
    return await command(args);
  } catch (error) {
    // Anything else is a mistake of this program, and its stack is wanted.
    if (!(error instanceof Refusal) && !isMeridianError(error)) throw error;
    process.stderr.write(`${error.message.trimEnd()}\n`);
    return 2;
  }
}

// No top-level await: the CommonJS build has none.
void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
