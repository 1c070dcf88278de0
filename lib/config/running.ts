/**
 * The commit that the calling code runs in: what it registers goes if that fails, and it cannot wait for another commit of
 * the same Config, which waits for this one. Code that a commit started and that lives on (timers, servers) is inside for as long
 * as the commit is not over, and outside from then on. Of the isolate of the Config.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { HeddleError } from '../errors'
import type { Option, OptionTable } from './options'
import type { Scope, Scopes } from './scopes'

/** What belongs to one Config and is registered in. */
export interface Tables {
  readonly options: OptionTable
  readonly scopes: Scopes
}

/** A commit, or a part of one that can fail alone. */
class Running {
  readonly tables: Tables
  /** What it is a part of, or a commit of another Config that asked for it. */
  readonly outer: Running | undefined
  readonly options: Option[] = []
  readonly scopes: Scope[] = []
  isOver = false

  constructor(tables: Tables, outer: Running | undefined) {
    this.tables = tables
    this.outer = outer
  }

  undo(): void {
    for (const option of this.options) this.tables.options.remove(option)
    // Those that stand in others first.
    for (const scope of this.scopes.reverse())
      if (!this.tables.options.use(scope)) this.tables.scopes.remove(scope)
  }
}

const RUNNING = new AsyncLocalStorage<Running>()

/** The first that is not over, from the inside out, of any Config. */
function firstLive(running: Running | undefined): Running | undefined {
  let live = running
  while (live?.isOver === true) live = live.outer
  return live
}

/** The commit of that Config that the calling code runs in, and what it has registered. */
export function runningCommit(tables: Tables): Pick<Running, 'options' | 'scopes'> | undefined {
  let running = firstLive(RUNNING.getStore())
  while (running !== undefined && running.tables.options !== tables.options)
    running = firstLive(running.outer)
  return running
}

/** ERR_CONFIG_TRANSACTION for what would wait for the commit that it is called in. */
export function refuseInCommit(tables: Tables): void {
  if (runningCommit(tables) === undefined) return
  throw new HeddleError(
    'ERR_CONFIG_TRANSACTION',
    'no other commit, reload or write-back is possible inside of a commit: it would wait for itself',
  )
}

/**
 * Runs a commit; what it registered goes if it rejects. `over` ends it before that, at the swap: what is called afterwards
 * is outside.
 */
export async function inCommit<T>(tables: Tables, run: (over: () => void) => Promise<T>): Promise<T> {
  const running = new Running(tables, firstLive(RUNNING.getStore()))
  const over = () => {
    running.isOver = true
  }
  try {
    return await RUNNING.run(running, run, over)
  } catch (error) {
    running.undo()
    throw error
  } finally {
    over()
  }
}

/** Runs a part of a commit, whose registrations go if it rejects, whatever becomes of the rest. */
export async function takingBack(tables: Tables, run: () => Promise<void>): Promise<void> {
  const part = new Running(tables, firstLive(RUNNING.getStore()))
  try {
    await RUNNING.run(part, run)
  } catch (error) {
    part.undo()
    throw error
  } finally {
    part.isOver = true
  }
  const whole = runningCommit(tables)
  whole?.options.push(...part.options)
  whole?.scopes.push(...part.scopes)
}
