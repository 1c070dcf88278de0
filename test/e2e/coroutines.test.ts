import { describe, expect, it } from 'vitest'
import { Program } from './program'

describe('the example of sleeping coroutines', () => {
  it.each(['native', 'js'])('wakes them beside a timer, on the %s backend (AC-08)', async (backend) => {
    const program = new Program(['examples/sleeping-coroutine.mjs'], { HEDDLE_BACKEND: backend })
    try {
      expect([await program.exit(), program.stderr]).toEqual([0, ''])
      const lines = program.stdout.trim().split('\n')
      expect(lines[0]).toBe('started warp (sleep),weft (sleep)')
      const wakeUps = (name: string) => lines.filter((line) => line.startsWith(`${name} wakes up`))
      for (const name of ['warp', 'weft']) {
        expect(wakeUps(name)).toEqual(
          [1, 2, 3].map((turn) => `${name} wakes up to do something, ${turn} of 3`),
        )
      }
      expect(lines.at(-1)).toBe('6 wake-ups, and the timer ran meanwhile')
    } finally {
      await program.stop()
    }
  })
})

describe('asynchronous calls', () => {
  it.each(['module', 'commonjs'])('work where Node takes text for a %s (AC-19)', async (type) => {
    const code = `import('heddle').then(async ({ aco, Eventer }) => {
      const eventer = await Eventer.init()
      eventer.start()
      const makeId = { module: 'node:crypto', export: 'randomUUID' }
      const ids = await aco.start((co) => Promise.all([co.asynch(makeId), co.asynch(makeId)])).done
      console.log(ids.map((id) => id.length))
      await eventer[Symbol.asyncDispose]()
    })`
    const program = new Program([`--input-type=${type}`, '-e', code])
    try {
      expect([await program.exit(), program.stderr]).toEqual([0, ''])
      expect(program.stdout).toBe('[ 36, 36 ]\n')
    } finally {
      await program.stop()
    }
  })
})

describe('the examples of coroutines over connections', () => {
  const said: Record<string, string[]> = {
    'coroutine-listener': [
      'listening on a port of its own',
      'hello: thanks!',
      'quit: quitter!',
      'silence: bye!',
    ],
    'move-to-coroutine': ['hello world', 'classic again: and bye'],
  }
  const cases = Object.keys(said).flatMap((name) =>
    ['native', 'js'].map((backend) => [name, backend] as const),
  )

  it.each(cases)('%s says what it should, on the %s backend (AC-15, AC-28)', async (name, backend) => {
    const program = new Program([`examples/${name}.mjs`], { HEDDLE_BACKEND: backend })
    try {
      expect([await program.exit(), program.stderr]).toEqual([0, ''])
      expect(program.stdout.trim().split('\n')).toEqual(said[name])
    } finally {
      await program.stop()
    }
  })
})
