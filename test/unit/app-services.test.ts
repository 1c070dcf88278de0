import { describe, expect, it } from 'vitest'
import { Loader } from '../../lib/app/loader'
import { spotOf } from '../../lib/app/place'
import type { Service, ServiceSettings } from '../../lib/app/service'
import { Services } from '../../lib/app/services'

interface Settings extends ServiceSettings {
  readonly serves: string
}

/** A service that listens nowhere and says what is done with it. */
class Play implements Service<Settings> {
  readonly connections = 0
  settings: Settings
  serves: string
  readonly #log: string[]

  constructor(settings: Settings, log: string[]) {
    this.settings = settings
    this.serves = settings.serves
    this.#log = log
    log.push(`open ${settings.name}`)
  }

  get address() {
    return { address: '127.0.0.1', port: this.settings.where.port ?? 0, family: 'IPv4' as const }
  }

  async change(settings: Settings): Promise<() => void> {
    if (settings.serves === 'fails') throw new Error('no handler')
    return () => {
      this.settings = settings
      this.serves = settings.serves
    }
  }

  async close(timeout: number): Promise<void> {
    this.#log.push(`close ${this.settings.name} ${timeout}`)
    if (this.settings.name === 'stuck') throw new Error('stuck')
  }
}

const listener = (name: string, port: number, serves = ''): Settings => ({
  name,
  ...spotOf('app.conf:1', 'Listener'),
  where: { address: '127.0.0.1', port },
  serves,
})

/** Those play along with everything. */
const warn = (): never => {
  throw new Error('nothing stays')
}

function playground() {
  const log: string[] = []
  const failed: unknown[] = []
  const open = async (settings: Settings): Promise<Play> => {
    if (settings.serves === 'fails') throw new Error('taken')
    return new Play(settings, log)
  }
  const loader = new Loader()
  const services = new Services<Settings, Play>(loader, open, (error) => failed.push(error))
  return { log, failed, services, loader }
}

describe('services of a configuration', () => {
  it('follow a generation: new ones open before it, what goes drains behind it', async () => {
    const { log, services } = playground()
    ;(await services.prepare([listener('a', 1, 'x'), listener('b', 2)], 50, warn)).commit()
    const change = await services.prepare([listener('a', 1, 'y'), listener('c', 3)], 60, warn)
    expect(log).toEqual(['open a', 'open b', 'open c'])
    expect(services.get('a')?.serves).toBe('x')
    change.commit()
    expect(log).toEqual(['open a', 'open b', 'open c', 'close b 60'])
    expect(services.get('a')?.serves).toBe('y')
    expect(services.get('b')).toBeUndefined()
    expect(services.list().map(({ settings }) => settings.name)).toEqual(['a', 'c'])
  })

  it('are as before when the generation does not come to be', async () => {
    const { log, services } = playground()
    ;(await services.prepare([listener('a', 1, 'x')], 50, warn)).commit()
    await (await services.prepare([listener('b', 2)], 50, warn)).abort()
    expect(log).toEqual(['open a', 'open b', 'close b 1'])
    await expect(services.prepare([listener('c', 3), listener('a', 1, 'fails')], 50, warn)).rejects.toThrow(
      'no handler',
    )
    await expect(services.prepare([listener('d', 4), listener('e', 5, 'fails')], 50, warn)).rejects.toThrow(
      'taken',
    )
    expect(log.slice(3)).toEqual(['open c', 'close c 1', 'open d', 'close d 1'])
    expect(services.list().map(({ serves }) => serves)).toEqual(['x'])
  })

  it('are the same under another name at the same address, and by their name where the system chose the port', async () => {
    const { log, services } = playground()
    ;(await services.prepare([listener('a', 1, 'x'), listener('f', 0)], 50, warn)).commit()
    ;(await services.prepare([listener('b', 1, 'y'), listener('f', 0)], 50, warn)).commit()
    expect(log).toEqual(['open a', 'open f'])
    expect(services.get('b')?.serves).toBe('y')
    await expect(services.prepare([listener('b', 1), listener('c', 1)], 50, warn)).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: 'app.conf:1: Listener: "c" listens where "b" does',
    })
  })

  it('open nothing more when the end comes in between', async () => {
    const { log, services, loader } = playground()
    const preparing = services.prepare([listener('a', 1), listener('b', 2)], 50, warn)
    loader.close()
    await expect(preparing).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    expect(log).toEqual(['open a', 'close a 1'])
    await expect(services.prepare([listener('a', 1)], 50, warn)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('are all closed in the end, whatever one of them does', async () => {
    const { log, failed, services } = playground()
    ;(await services.prepare([listener('a', 1), listener('stuck', 2)], 50, warn)).commit()
    await services.close(10)
    expect(log.slice(2)).toEqual(['close a 10', 'close stuck 10'])
    expect(failed).toMatchObject([{ message: 'stuck' }])
    expect(services.list()).toEqual([])
  })
})
