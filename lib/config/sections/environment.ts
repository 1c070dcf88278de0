/**
 * What the environment of the process has to say about a configuration. It is looked at when a section is read, so a
 * variable that changes is seen at the next look. Plain functions, any isolate; a worker thread has the environment that
 * it was given. (CX-12, CX-13)
 */
import { HeddleError } from '../../errors'

/** The setting that makes a stanza depend on a variable. */
export const REQUIRE_ENV = 'require_env'

/** Nothing before and nothing behind: it does not stand inside of a longer text. */
const REFERENCE = /^ENV:(.*):\{([^{}]+)\}$/s
const CONDITION = /^(!?)([^=~!]+)(?:([=~])(.*))?$/s
/** Patterns that were compiled; those of a configuration are few. */
const patterns = new Map<string, RegExp>()
const MAX_PATTERNS = 256

/** The variable's value for `ENV:default:{VARIABLE}`, the default where it is not set; any other text as it is. (CX-12) */
export function interpolate(text: string, environment: NodeJS.ProcessEnv = process.env): string {
  if (!text.startsWith('ENV:')) return text
  const reference = REFERENCE.exec(text)
  if (!reference) return text
  return variableOf(environment, reference[2] as string) ?? (reference[1] as string)
}

/**
 * Whether a condition holds: `VAR` is set, `VAR=value` is that, `VAR~regex` matches; `!` in front turns each round. A
 * variable that is not set equals and matches nothing. EINVAL for what is none of these. (CX-13)
 */
export function isMet(condition: string, environment: NodeJS.ProcessEnv = process.env): boolean {
  const parts = CONDITION.exec(condition.trim())
  if (!parts)
    throw new HeddleError('EINVAL', `'${condition}' is no condition such as VAR, VAR=value, VAR~regex, !VAR`)
  const [, not, name, operator, operand] = parts as unknown as [string, string, string, string?, string?]
  const value = variableOf(environment, name.trim())
  return holds(value, operator, operand?.trim() ?? '', condition) !== (not === '!')
}

/** Of the variables alone: an environment has the properties of every object, too. */
function variableOf(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined
}

function holds(
  value: string | undefined,
  operator: string | undefined,
  operand: string,
  condition: string,
): boolean {
  if (value === undefined) return false
  if (operator === undefined) return true
  return operator === '=' ? value === operand : patternOf(operand, condition).test(value)
}

function patternOf(source: string, condition: string): RegExp {
  const known = patterns.get(source)
  if (known) return known
  try {
    const pattern = new RegExp(source)
    if (patterns.size >= MAX_PATTERNS) patterns.clear()
    patterns.set(source, pattern)
    return pattern
  } catch (cause) {
    throw new HeddleError('EINVAL', `'${condition}' has no valid pattern`, { cause })
  }
}
