/** A fault the person at the terminal can do something about: printed as one line, without a stack. */
export class LaunchFault extends Error {}

/** Ends the process with one line for an expected fault, and with the stack for a defect. */
export function reportFault(error: unknown): void {
  console.error(error instanceof LaunchFault ? error.message : error);
  process.exitCode = 1;
}
