import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { Config, type ConfigSections, Hooks } from '../../lib'
import { failureOf } from '../thrown'
import { DIST } from './compiled'
import { configOf, turn, until, warning, watch } from './sections-harness'

const workers = new Set<Worker>()

/** A worker that runs one piece of code after the other, in one async function, and sends what each returns. */
class Thread {
  readonly #worker: Worker

  constructor(conf: ConfigSections) {
    const port = conf.openPort()
    const code = `
      const { parentPort, workerData } = require('node:worker_threads')
      const { RemoteConfigSections } = require(${JSON.stringify(join(DIST, 'config'))})
      const conf = new RemoteConfigSections(workerData)
      const kept = {}
      const AsyncFunction = (async () => {}).constructor
      const next = () => new Promise((resolve) => parentPort.once('message', resolve))
      const main = async () => {
        for (;;) {
          const text = await next()
          if (text === null) { parentPort.close(); return }
          let answer
          try { answer = { value: await new AsyncFunction('conf', 'kept', text)(conf, kept) } }
          catch (error) { answer = { code: error.code ?? String(error) } }
          parentPort.postMessage(answer)
        }
      }
      main()`
    this.#worker = new Worker(code, { eval: true, workerData: port, transferList: [port] })
    workers.add(this.#worker)
  }

  async run(code: string): Promise<unknown> {
    const answer = once(this.#worker, 'message')
    this.#worker.postMessage(code)
    const [{ value, code: failed }] = (await answer) as [{ value?: unknown; code?: string }]
    return failed ?? value
  }

  async terminate(): Promise<void> {
    workers.delete(this.#worker)
    await this.#worker.terminate()
  }

  /** Lets it end by itself: nothing may hold it. */
  async end(): Promise<unknown> {
    workers.delete(this.#worker)
    const exit = once(this.#worker, 'exit')
    this.#worker.postMessage(null)
    const [code] = await exit
    return code
  }
}

afterEach(async () => {
  for (const worker of workers) await worker.terminate()
  workers.clear()
})

describe('sections in worker threads', () => {
  it('CX-01 CX-06 reads and writes as in the isolate of the Config, and ends by itself', async () => {
    const config = await configOf('a { x = 1 } b "i" { y = "ENV:d:{HEDDLE_NO_SUCH}" }')
    const thread = new Thread(config.sections)
    expect(
      await thread.run(`
        const r = await conf.readSection('/b[i]')
        const seen = [conf.getString(r, 'y'), r.location, conf.lockOwner().kind]
        await r.release()
        return seen`),
    ).toEqual(['d', 'b "i"', 'flow'])
    expect(
      await thread.run(`
        const w = await conf.writeSection('/a')
        const inner = await conf.writeSection('/a')
        conf.setInt32(w, 'x', 2)
        conf.setString(inner, 'new[z]/v', 'two words')
        const seen = conf.getInt32(w, 'x')
        return [seen, await inner.release(), (await w.release()).generation]`),
    ).toEqual([2, undefined, 2])
    using r = await config.sections.readSection('/a')
    expect([config.sections.getInt32(r, 'x'), config.sections.getString(r, 'new[z]/v')]).toEqual([
      2,
      'two words',
    ])
    await r.release()
    await config.transaction((t) => t.set('a.x', '5'))
    expect(
      await thread.run(`
        const r = await conf.readSection('/a')
        const seen = [conf.getInt32(r, 'x'), await conf.writeSection('/a').catch((error) => error.code)]
        await r.release()
        return seen`),
    ).toEqual([5, 'ERR_LOCK_UPGRADE'])
    expect(await thread.end()).toBe(0)
    expect(config.sections.lockState()).toMatchObject({ readers: 0, writer: undefined })
  })

  it('CX-01 A-CX-1 waits for other threads, and they for it', async () => {
    const config = await configOf('n = 0')
    const conf = config.sections
    const threads = [new Thread(conf), new Thread(conf)]
    const add = `
      for (let i = 0; i < 25; i++) {
        const w = await conf.writeSection('/')
        conf.setInt32(w, 'n', conf.getInt32(w, 'n') + 1)
        await w.release()
      }`
    const here = async (): Promise<void> => {
      for (let i = 0; i < 25; i++) {
        await using w = await conf.writeSection('/')
        conf.setInt32(w, 'n', conf.getInt32(w, 'n')! + 1)
      }
    }
    const added = await Promise.all([...threads.map((thread) => thread.run(add)), here()])
    expect(added).toEqual([undefined, undefined, undefined])
    using r = await conf.readSection('/')
    expect([conf.getInt32(r, 'n'), config.generation]).toEqual([75, 76])
  })

  it('CX-01 A-CX-6 what a thread holds when it ends is released, with a warning, and its changes are dropped', async () => {
    const config = await configOf('a { x = 1 }')
    const conf = config.sections
    const thread = new Thread(conf)
    expect(
      await thread.run(`
        kept.w = await conf.writeSection('/a')
        kept.r = await conf.readSection('/a')
        conf.setInt32(kept.w, 'x', 2)
        return conf.getInt32(kept.r, 'x')`),
    ).toBe(2)
    const waiting = conf.writeSection('/a')
    const seen = watch(waiting)
    await turn()
    expect([seen.state, conf.lockState().writer?.kind]).toEqual(['waits', 'worker'])
    const warned = warning()
    await thread.terminate()
    const w = await waiting
    expect([await warned, conf.getInt32(w, 'x'), config.generation]).toEqual(['HEDDLE_SECTION_LOST', 1, 1])
    await w.release()
  })

  it('CX-01 a thread that ends while it waits leaves the line', async () => {
    const config = await configOf('a { x = 1 }')
    const conf = config.sections
    const thread = new Thread(conf)
    expect(await thread.run('return 1')).toBe(1)
    const r = await conf.asOwner(() => conf.readSection('/a'))
    await thread.run("kept.w = conf.writeSection('/a'); kept.w.catch(() => {})")
    await until(() => conf.lockState().waitingWriters > 0)
    await thread.terminate()
    await until(() => conf.lockState().waitingWriters === 0)
    using another = await conf.asOwner(() => conf.readSection('/a', { timeout: 0 }))
    expect(another.isEmpty).toBe(false)
    await r.release()
  })

  it('CX-01 CX-07 gives up waiting by time and signal, and a lock that came meanwhile goes back', async () => {
    const config = await configOf('a { x = 1 }')
    const conf = config.sections
    const thread = new Thread(conf)
    const w = await conf.writeSection('/a')
    expect(await thread.run("await conf.readSection('/a', { timeout: 0 })")).toBe('ETIME')
    expect(await thread.run("await conf.readSection('/a', { timeout: 1 })")).toBe('ETIME')
    expect(
      await thread.run(`
        const abort = new AbortController()
        const ask = conf.readSection('/a', { signal: abort.signal })
        abort.abort(Object.assign(new Error('enough'), { code: 'ENOUGH' }))
        await ask`),
    ).toBe('ENOUGH')
    await w.release()
    // Free: the answer is on its way when the other side gives up.
    expect(
      await thread.run(`
        const abort = new AbortController()
        const ask = conf.writeSection('/a', { signal: abort.signal })
        abort.abort(Object.assign(new Error('enough'), { code: 'ENOUGH' }))
        await ask`),
    ).toBe('ENOUGH')
    const again = await conf.writeSection('/a')
    await again.release()
  })

  it('CX-02 CX-19 CX-21 what the Config does not accept rejects the release there, and drops all', async () => {
    const hooks = new Hooks()
    const config = new Config({ hooks })
    config.registerOption({ name: 'Size', type: 'int', fallback: 'Global', default: '5' })
    await config.loadText('keep { } a { }')
    const conf = config.sections
    conf.hooks.deleteSection.registerLast(() => false, undefined)
    const thread = new Thread(conf)
    expect(
      await thread.run(`
        const w = await conf.writeSection('/')
        conf.setString(w, 'size', 'many')
        await w.release()`),
    ).toBe('ERR_CONFIG_VALUE')
    expect(
      await thread.run(`
        const top = await conf.writeSection('/')
        conf.setString(top, 'a/x', '1')
        const w = await conf.writeSection('/keep')
        conf.removeSection(w)
        await w.committed
        await top.release()`),
    ).toBe('ERR_CONFIG_VETO')
    expect(await thread.run("const r = await conf.readSection('/a'); conf.setString(r, 'x', '1')")).toBe(
      'ERR_NOT_WRITABLE',
    )
    expect(config.generation).toBe(1)
  })

  it('CX-01 a connection that was ended gives nothing any more', async () => {
    const config = await configOf('a { x = 1 }')
    const thread = new Thread(config.sections)
    const warned = warning()
    expect(
      await thread.run(`
        const r = await conf.readSection('/a')
        conf[Symbol.dispose]()
        conf[Symbol.dispose]()
        const late = await r.release().catch((error) => error.code)
        return [late, await conf.readSection('/a').catch((error) => error.code)]`),
    ).toEqual(['ERR_CLOSED', 'ERR_CLOSED'])
    expect(await warned).toBe('HEDDLE_SECTION_LOST')
    const w = await config.sections.writeSection('/a')
    await w.release()
    expect((await failureOf(w.release())).code).toBe('ERR_LOCK_NOT_HELD')
  })
})
