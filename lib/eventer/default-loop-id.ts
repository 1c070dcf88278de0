import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

const KEY = 'heddle.default-loop'

/** The first loop of the default pool, told to worker threads that this isolate starts from now on. */
export function announceDefaultLoop(loopId: number | undefined): void {
  setEnvironmentData(KEY, loopId as unknown as number)
}

/** That of the isolate which started this one, or of one before; undefined if there was none then. */
export function inheritedDefaultLoop(): number | undefined {
  const loopId = getEnvironmentData(KEY)
  return typeof loopId === 'number' ? loopId : undefined
}
