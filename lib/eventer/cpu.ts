import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** The processor as this process may use it. (EV-25) */
export interface Cpu {
  readonly sockets: number
  /** Cores this process may run on, honouring its affinity and limits. */
  readonly cores: number
}

/** Sockets are counted on Linux only; elsewhere one is assumed. (EV-25) */
export function cpuTopology(): Cpu {
  return { sockets: countSockets(), cores: availableParallelism() }
}

function countSockets(): number {
  try {
    const ids = readFileSync('/proc/cpuinfo', 'latin1').match(/^physical id\s*:\s*\d+$/gm) ?? []
    return Math.max(1, new Set(ids.map((line) => line.replace(/\D/g, ''))).size)
  } catch {
    return 1
  }
}
