/** A wrong command line. The message is one line for the user; the command ends with exit code 2. */
export class UsageError extends Error {}
