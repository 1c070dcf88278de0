import { shown } from '../arguments'
import { HeddleError } from '../errors'
import { initialLimits } from './limits'

/** What the threads of a queue do about safe memory: each job is a section, they reclaim between jobs, or neither. (JQ-08) */
export type JobqSafety = 'none' | 'cs' | 'gc'

/** What `jobq_<name>` of a configuration says. Of the last three, undefined: not said. (JQ-09) */
export interface JobqSpec {
  readonly concurrency: number
  /** 0: unbounded, as for max. */
  readonly min: number
  readonly max: number
  readonly memorySafety: JobqSafety | undefined
  /** 0: never full. */
  readonly maxBacklog: number | undefined
  readonly lifo: boolean | undefined
}

const SAFETIES: readonly string[] = ['none', 'cs', 'gc'] satisfies JobqSafety[]
const MOST_FIELDS = 6

/**
 * Reads `concurrency[,min[,max[,safety[,backlog[,fifo or lifo]]]]]`. Without min both are unbounded, without max it is min.
 * An empty field is left out. EINVAL says what is wrong. (JQ-09)
 */
export function parseJobqSpec(text: string): JobqSpec {
  if (typeof text !== 'string')
    throw new HeddleError('EINVAL', `a queue is described by text, not ${shown(text)}`)
  const fields = text.split(',').map((field) => field.trim())
  if (fields.length > MOST_FIELDS) throw bad(text, `has more than ${MOST_FIELDS} fields`)
  const [concurrency, min, max, safety, backlog, order] = fields.map((field) => field || undefined)
  const least = number(text, 'min', min) ?? 0
  const most = number(text, 'max', max) ?? least
  const wanted = number(text, 'concurrency', concurrency) ?? 0
  try {
    initialLimits(wanted, least, most)
  } catch (error) {
    throw bad(text, (error as Error).message)
  }
  if (safety !== undefined && !SAFETIES.includes(safety))
    throw bad(text, `memory safety is one of ${SAFETIES.join(', ')}, not '${safety}'`)
  if (order !== undefined && order !== 'fifo' && order !== 'lifo')
    throw bad(text, `the order is fifo or lifo, not '${order}'`)
  return {
    concurrency: wanted,
    min: least,
    max: most,
    memorySafety: safety as JobqSafety | undefined,
    maxBacklog: number(text, 'backlog', backlog),
    lifo: order === undefined ? undefined : order === 'lifo',
  }
}

function number(text: string, name: string, field: string | undefined): number | undefined {
  if (field === undefined) return undefined
  if (/^\d{1,9}$/.test(field)) return Number(field)
  throw bad(text, `${name} is a number, not '${field}'`)
}

function bad(text: string, why: string): HeddleError {
  return new HeddleError('EINVAL', `'${text}': ${why}`)
}
