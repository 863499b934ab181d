import { run } from './program.ts';

/** The program: runs the command line of this process and sets its exit code. */
export async function main(): Promise<void> {
  process.stdout.on('error', stopWithReader);
  process.stderr.on('error', stopWithReader);
  process.exitCode = await run(process.argv.slice(2));
}

/** Whoever read the output (`mesoscope list | head`) has seen enough. */
function stopWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}
