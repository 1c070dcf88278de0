import { Eventer, type Loop } from './eventer'

/** How often an eventer that nobody asked for looks whether it still has something to do. */
const CHECK_MS = 100

/** Eventers made here, on demand, as opposed to those a program has initialised. */
const keepers = new WeakMap<Eventer, Keeper>()

/** The first loop of this isolate's eventer, which is made and started if there is none. */
export function defaultLoop(): Loop {
  return defaultEventer().loops[0]
}

/**
 * Runs `work`, which is to leave a listener or a connection on the loop. A loop made on demand keeps the process
 * alive from here on until it has nothing left; one that a program has initialised follows its own `ref`.
 */
export async function keepAlive<T>(work: () => Promise<T>): Promise<T> {
  const keeper = keepers.get(defaultEventer())
  return keeper === undefined ? work() : keeper.during(work)
}

function defaultEventer(): Eventer {
  const known = Eventer.find()
  if (known !== undefined) return known
  const eventer = Eventer.initSync()
  eventer.unref().start()
  keepers.set(eventer, new Keeper(eventer))
  return eventer
}

/** Lets a program end that only served and has stopped serving, as a program on node:net would. */
class Keeper {
  readonly #eventer: Eventer
  #underWay = 0
  #wasIdle = false
  #timer: NodeJS.Timeout | undefined

  constructor(eventer: Eventer) {
    this.#eventer = eventer
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#hold()
    this.#underWay++
    try {
      return await work()
    } finally {
      this.#underWay--
    }
  }

  #hold(): void {
    if (this.#timer !== undefined) return
    this.#eventer.ref()
    this.#timer = setInterval(() => this.#check(), CHECK_MS).unref()
  }

  #check(): void {
    const idle = this.#underWay === 0 && !(this.#eventer.isRunning && this.#eventer.loops.some(isBusy))
    const again = this.#wasIdle
    this.#wasIdle = idle
    // What has just been closed counts no more, and somebody may wait for the record that says so. It comes
    // before the next look.
    if (!idle || !again) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#eventer.unref()
  }
}

function isBusy(loop: Loop): boolean {
  const { connections, listeners, timers, watches } = loop.port.engine.stats()
  return connections + listeners + timers + watches > 0
}
