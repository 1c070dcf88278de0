/** What a module says, the gravest first. `debug_level` of its stanza names the least grave that is heard. (MO-17) */
export const LOG_LEVELS = ['critical', 'error', 'warning', 'notice', 'info', 'debug'] as const

/** One of `LOG_LEVELS`. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Where nothing else is said. */
export const DEFAULT_LEVEL: LogLevel = 'warning'

/** Whether a text of this level is heard at `threshold`. */
export function isHeard(level: LogLevel, threshold: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(threshold)
}

export function isLogLevel(value: unknown): value is LogLevel {
  return (LOG_LEVELS as readonly unknown[]).includes(value)
}
