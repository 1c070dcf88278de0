import type { JobQueueOptions } from '../jobq'
import { checkName as checkQueueName } from '../jobq/job-queues'
import { initialLimits } from '../jobq/limits'
import type { ThreadPoolOptions } from '../threadpool'
import { checkName as checkPoolName, poolSpec, PREDEFINED } from '../threadpool/pool-spec'
import type { CoreSlots } from './core-options'
import type { Generation, Stanza } from './generation'
import { spotOf } from './place'
import { bad, checked, given, query } from './stanzas'
import type { StanzaSettings } from './settings'

export function threadPoolOf(
  from: Generation,
  { threadPool }: CoreSlots,
  name: string,
  stanza: Stanza,
): StanzaSettings<ThreadPoolOptions> {
  const of = query('ThreadPool', name)
  const spot = spotOf(stanza.place, `ThreadPool "${name}"`)
  const kind = from.get(threadPool.kind, of)
  const predefined = [...PREDEFINED].find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1]
  if (predefined !== undefined && kind === 'native')
    throw bad(spot.place, 'a pool that is always there runs exports of modules: its Kind is worker')
  const options = given<ThreadPoolOptions>({
    concurrency: from.get(threadPool.concurrency, of) ?? predefined?.concurrency,
    maxQueue: from.get(threadPool.backlog, of),
    stackSize: from.get(threadPool.stackSize, of),
    kind,
  })
  return checked({ name, ...spot, options }, () => {
    checkPoolName(name)
    poolSpec(options)
  })
}

export function jobqOf(
  from: Generation,
  { jobq }: CoreSlots,
  name: string,
  stanza: Stanza,
): StanzaSettings<JobQueueOptions> {
  const of = query('Jobq', name)
  const [min, max, floor] = [from.get(jobq.min, of), from.get(jobq.max, of), from.get(jobq.floor, of)]
  const concurrency = from.get(jobq.concurrency, of) ?? Math.max(1, min)
  const options = {
    concurrency,
    min,
    max,
    floor,
    kind: from.get(jobq.kind, of),
    maxBacklog: from.get(jobq.backlog, of),
    lifo: from.get(jobq.lifo, of),
    memorySafety: from.get(jobq.safety, of),
    stackSize: from.get(jobq.stackSize, of),
  }
  return checked({ name, ...spotOf(stanza.place, `Jobq "${name}"`), options }, () => {
    checkQueueName(name)
    initialLimits(concurrency, min, max, floor)
  })
}
