/**
 * The public surface, one report for each door of the package, in `etc/api`: what a change adds, takes away
 * or alters is seen in its diff. Builds, and writes the reports; with `--check` it compares what was built.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { buildScript, main, must, root } from './run.mjs';

const doors = [
  'index',
  'sharding',
  'cache',
  'resilience',
  'scaling',
  'prometheus',
  'opentelemetry',
  'consul',
  'proxysql',
  'testing',
];
const silent = { default: { logLevel: 'none' } };

await main(async () => {
  const isCheck = process.argv.includes('--check');
  if (!isCheck) await must('Building', process.execPath, [buildScript]);
  mkdirSync(join(root, 'etc', 'api'), { recursive: true });
  const temporary = join(root, '.cache', 'api');
  try {
    const changed = doors.filter((door) => report(door, temporary, isCheck));
    if (changed.length === 0 || !isCheck) return 0;
    console.log(
      `The public surface of ${changed.join(', ')} is not what etc/api says. If that is meant, run: npm run api`,
    );
    return 1;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
});

/** Whether the report of a door differs from the one in the repository. */
function report(door, temporary, isCheck) {
  const config = ExtractorConfig.prepare({
    packageJsonFullPath: join(root, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, 'dist', `${door}.d.ts`),
      newlineKind: 'lf',
      compiler: { tsconfigFilePath: join(root, 'tsconfig.json') },
      apiReport: {
        enabled: true,
        reportFileName: `${door}.api.md`,
        reportFolder: join(root, 'etc', 'api'),
        reportTempFolder: temporary,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      // The report is about names and types; comments are checked elsewhere.
      messages: {
        compilerMessageReporting: silent,
        extractorMessageReporting: silent,
        tsdocMessageReporting: silent,
      },
    },
  });
  const { apiReportChanged } = Extractor.invoke(config, {
    localBuild: !isCheck,
    messageCallback: (message) => {
      message.handled = true;
    },
  });
  return apiReportChanged;
}
