import type { Eventer } from '../eventer'
import type { JobQueueOptions } from '../jobq'
import { ThreadPools } from '../threadpool'
import type { Settings } from './settings'

/**
 * Brings thread pools and job queues in step with a generation: what is new is made, what is there is changed where that is
 * possible, what is named no more stays as it is. Numbers were checked when the generation was prepared.
 */
export function tune(eventer: Eventer, { threadPools, jobqs }: Settings): void {
  for (const [name, options] of Object.entries(jobqs)) tuneQueue(eventer, name, options)
  const stanzas = Object.entries(threadPools)
  if (stanzas.length === 0) return
  const pools = ThreadPools.of(eventer)
  for (const [name, options] of stanzas) {
    const { concurrency, maxQueue, stackSize } = options
    const known = pools.find(name)
    if (known === undefined) {
      pools.create(name, { owner: 'configuration', deferSpawn: false, ...options })
      continue
    }
    const stanza = {
      ...(concurrency !== undefined && { Concurrency: concurrency }),
      ...(maxQueue !== undefined && { Backlog: maxQueue }),
      ...(stackSize !== undefined && { Stack_Size: stackSize }),
    }
    pools.configure({ ThreadPool: { [name]: stanza } })
  }
}

function tuneQueue(eventer: Eventer, name: string, options: JobQueueOptions): void {
  const queue = eventer.jobqs.get(name)
  if (queue === undefined) {
    eventer.jobqs.create(name, options)
    return
  }
  const { min = 0, max = 0, floor = 0, concurrency, maxBacklog, lifo } = options
  queue.setMinMax(min, max)
  queue.setFloor(floor)
  if (concurrency !== undefined) queue.setConcurrency(concurrency)
  if (maxBacklog !== undefined) queue.setMaxBacklog(maxBacklog)
  if (lifo !== undefined) queue.lifo = lifo
}
