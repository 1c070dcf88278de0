import { describe, expect, it } from 'vitest'
import { Mask } from '../../lib/eventer'
import { memory, memtypes } from '../../lib/memory'
import { isNative as isNativeBackend, withEventer } from './eventer-harness'
import { runChild } from './memory-child'
import { codeOf, eventually, freshModule, isNative } from './memory-harness'

const REGISTER = `
  const { memory, memtypes, safe } = heddle
  const a = memtypes.register({ description: 'child:a', kind: 'fixed', size: 24 })
  const b = memtypes.register({ description: 'child:b', kind: 'vsize' })`

describe('registration', () => {
  it('MT-03 A-MT-1 is closed for new types after set-up, and open for known ones', async () => {
    const ended = await runChild(`${REGISTER}
      memtypes.closeRegistration()
      print([
        codeOf(() => memtypes.register({ description: 'child:late', kind: 'vsize' })),
        memtypes.byName('child:late'),
        memtypes.register({ description: 'child:a', kind: 'fixed', size: 24 }) === a,
      ])`)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(ended.stdout)).toEqual(['ERR_PHASE', -1, true])
  })

  it('MT-03 A-MT-1 has a limit of 512 types', async () => {
    const ended = await runChild(`${REGISTER}
      const known = memtypes.report().length
      const register = (i) => memtypes.register({ description: 'many:' + i, kind: 'vsize' })
      for (let i = known; i < 512; i++) register(i)
      print([known < 200, codeOf(() => register(512)), register(known).description === 'many:' + known, memtypes.report().length])`)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(ended.stdout)).toEqual([true, 'ERR_MEMTYPE_LIMIT', true, 512])
  })

  it('MT-03 A-MT-1 can be given a lower limit', async () => {
    const ended = await runChild(`${REGISTER}
      const known = memtypes.report().length
      memory.configure({ maxTypes: known + 1 })
      memtypes.register({ description: 'child:c', kind: 'vsize' })
      print([
        codeOf(() => memtypes.register({ description: 'child:d', kind: 'vsize' })),
        codeOf(() => memory.configure({ maxTypes: known })),
        codeOf(() => memory.configure({ maxTypes: 513 })),
      ])`)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(ended.stdout)).toEqual([
      'ERR_MEMTYPE_LIMIT',
      'ERR_INVALID_ARGUMENT',
      'ERR_INVALID_ARGUMENT',
    ])
  })
})

describe('misuse', () => {
  it.each([
    [
      'A-MT-4 a wrong type',
      'memtypes.free(b, memtypes.malloc(a))',
      /^heddle: free: the block is of memtype 'child:a', not of 'child:b'$/m,
    ],
    [
      'A-MT-4 a second free',
      'const x = memtypes.malloc(a); x.free(); x.free()',
      /^heddle: free: the block of memtype 'child:a' is free already$/m,
    ],
    [
      'A-MT-2 a wrong kind',
      'memtypes.malloc(b)',
      /^heddle: malloc: memtype 'child:b' is vsize, which this operation does not take$/m,
    ],
    ['A-MT-12 no type', 'memtypes.malloc(-1)', /^heddle: malloc: memtype -1 is not registered$/m],
    [
      'A-SM-5 a safe block freed twice',
      'const s = safe.alloc(1); s.free(); s.free()',
      /^heddle: free: the safe block is free already$/m,
    ],
    ['A-SM-5 no safe block', 'safe.free(memtypes.malloc(a))', /^heddle: free: this is no safe block$/m],
  ])(
    'MT-07 SM-05 by policy ends the process by SIGABRT with the text of the error: %s',
    async (_what, act, text) => {
      const thrown = await runChild(`${REGISTER}
      try { ${act} } catch (error) { console.error('heddle: ' + error.message) }`)
      expect(thrown).toMatchObject({ code: 0, stderr: expect.stringMatching(text) })
      const aborted = await runChild(`${REGISTER}
      memory.configure({ policy: 'abort' })
      ${act}
      print('still here')`)
      expect(aborted).toMatchObject({ signal: 'SIGABRT', stdout: '', stderr: expect.stringMatching(text) })
    },
  )
})

describe('the allocator', () => {
  it('MT-16 A-MT-13 is the one that was chosen, and shown in the report', async () => {
    for (const engine of memtypes.engines) {
      const ended = await runChild(`
        heddle.memory.configure({ allocator: '${engine}' })
        ${REGISTER}
        memtypes.malloc(a).free()
        memtypes.mallocSize(b, 1e6).free()
        print([memtypes.engine, memtypes.formatReport().split('\\n')[0], memtypes.stats(a).total])`)
      expect(ended).toMatchObject({ code: 0, stderr: '' })
      expect(JSON.parse(ended.stdout)).toEqual([engine, `allocator: ${engine}`, 1])
    }
  })

  it('MT-16 A-MT-13 of an unknown name fails the start and names the choices', async () => {
    const byOption = await runChild(`
      try { heddle.memory.configure({ allocator: 'bogus' }) } catch (error) { print([error.code, error.message]) }`)
    expect(JSON.parse(byOption.stdout)).toEqual([
      'EINVAL',
      `allocator is one of ${memtypes.engines.join(', ')}, not 'bogus'`,
    ])
    if (!isNative) return
    const byEnvironment = await runChild(
      'try { heddle.selectBackend() } catch (error) { print([error.code, error.message]) }',
      { HEDDLE_ALLOCATOR: 'bogus' },
    )
    expect(byEnvironment.stderr).toBe('')
    expect(JSON.parse(byEnvironment.stdout)).toEqual([
      'EINVAL',
      'HEDDLE_ALLOCATOR is one of slab, system, not bogus',
    ])
  })

  it('MT-16 is chosen by HEDDLE_ALLOCATOR too, and serves loops and blocks alike', async () => {
    const ended = await runChild(
      `${REGISTER}
      const block = memtypes.strdup(b, 'weft')
      const eventer = await heddle.Eventer.init()
      eventer.start()
      await eventer.sleep(1)
      await eventer[Symbol.asyncDispose]()
      const text = Buffer.from(block.view()).toString()
      const longer = memtypes.realloc(b, block, 10000)
      print([memtypes.engine, text, Buffer.from(longer.view().subarray(0, 4)).toString(), memtypes.stats(b).live])
      longer.free()`,
      { HEDDLE_ALLOCATOR: 'system' },
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(ended.stdout)).toEqual([isNative ? 'system' : 'javascript', 'weft\0', 'weft', 1])
  })

  it('MT-16 cannot be changed after something was allocated', async () => {
    const ended = await runChild(`${REGISTER}
      memtypes.malloc(a)
      print(memtypes.engines.map((allocator) => codeOf(() => memory.configure({ allocator }))))`)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(ended.stdout)).toEqual(
      memtypes.engines.map((name) => (name === memtypes.engine ? null : 'ERR_TOO_LATE')),
    )
  })

  it('MT-16 of the native core needs the native core', () => {
    if (isNative) expect(memtypes.engines).toEqual(['slab', 'system'])
    else expect(codeOf(() => memory.configure({ allocator: 'slab' }))).toBe('ERR_NATIVE_REQUIRED')
  })
})

describe('pressure', () => {
  it('MT-14 A-MT-11 is told once when memory becomes low and once when it is so no longer', async () => {
    const heard: boolean[] = []
    const once: boolean[] = []
    const type = memtypes.register({ description: `${freshModule()}:v`, kind: 'vsize' })
    const listener = ({ low }: { low: boolean }) => void heard.push(low)
    memory.on('pressure', listener)
    memory.on('pressure', listener)
    memory.once('pressure', ({ low }) => void once.push(low))
    expect(memory.isLow()).toBe(false)
    const held = memtypes.totals().heldBytes
    const SLACK = 32 * 2 ** 20
    memory.configure({ limitBytes: held + SLACK, highWater: 95, goal: 90 })
    expect(memory.isLow()).toBe(false)
    const large = memtypes.mallocSize(type, held + SLACK)
    expect(memory.isLow()).toBe(true)
    const larger = memtypes.mallocSize(type, SLACK)
    expect(heard).toEqual([])
    await eventually(() => heard).toEqual([true])
    larger.free()
    large.free()
    memtypes.collect()
    expect(memory.isLow()).toBe(false)
    await eventually(() => heard).toEqual([true, false])
    expect(once).toEqual([true])
    memory.off('pressure', listener)
    memory.configure({ limitBytes: 1 })
    expect(memory.isLow()).toBe(memtypes.totals().heldBytes > 0)
    memory.configure({ limitBytes: 0 })
    expect(memory.isLow()).toBe(false)
    expect(heard).toEqual([true, false])
  })

  it('MT-14 both changes are told when they come in one turn', async () => {
    const ended = await runChild(`${REGISTER}
      const keeping = setInterval(() => {}, 1000)
      const heard = []
      memory.on('pressure', ({ low }) => {
        heard.push(low)
        if (heard.length === 2) { print(heard); clearInterval(keeping) }
      })
      memory.configure({ limitBytes: memtypes.totals().heldBytes + 2 ** 24 })
      memtypes.mallocSize(b, 2 ** 25).free()
      memtypes.collect()`)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(ended.stdout)).toEqual([true, false])
  })

  it('MT-14 listening does not keep a program alive, and a listener that throws is not swallowed', async () => {
    const ended = await runChild(`${REGISTER}
      memory.on('pressure', () => {})
      print(1)`)
    expect(ended).toMatchObject({ code: 0, stdout: '1\n', stderr: '' })
    const thrown = await runChild(`${REGISTER}
      const keeping = setInterval(() => {}, 1000)
      process.on('uncaughtException', (error) => { print(error.message); clearInterval(keeping) })
      memory.on('pressure', () => { throw new Error('from a listener') })
      memory.configure({ limitBytes: 2 ** 24 })
      memtypes.mallocSize(b, 2 ** 25)`)
    expect(thrown).toMatchObject({ code: 0, stdout: '"from a listener"\n', stderr: '' })
  })

  it.each([
    { highWater: 101 },
    { goal: -1 },
    { highWater: 50, goal: 60 },
    { limitBytes: -1 },
    { limitBytes: 0.5 },
    { policy: 'panic' },
    { leakReport: 1 },
    { smr: { highWater: -1 } },
    { smr: { asynch: 'no' } },
    { mmapThreshold: 'large' },
    5,
  ])('MT-14 refuses %j and changes nothing', (options) => {
    expect(codeOf(() => memory.configure(options as never))).toBe('ERR_INVALID_ARGUMENT')
    expect(memory.isLow()).toBe(false)
  })

  it('MT-16 MT-03 one setting out of range leaves the others alone, whichever it is', async () => {
    const ended = await runChild(`${REGISTER}
      const engine = memtypes.engine
      const allocator = memtypes.engines.at(-1)
      print([
        codeOf(() => memory.configure({ allocator, maxTypes: 513 })),
        codeOf(() => memory.configure({ allocator: 'bogus', maxTypes: memtypes.report().length })),
        memtypes.engine === engine,
        memtypes.register({ description: 'child:c', kind: 'vsize' }).module,
      ])`)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(ended.stdout)).toEqual(['ERR_INVALID_ARGUMENT', 'EINVAL', true, 'child'])
  })

  it('MT-14 has one event', () => {
    expect(codeOf(() => memory.on('other' as never, () => {}))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => memory.on('pressure', 5 as never))).toBe('ERR_INVALID_ARGUMENT')
  })
})

describe('built-in memtypes', () => {
  it('MT-18 A-MT-12 count the events that loops watch', () =>
    withEventer({}, async (bench) => {
      const { event } = memtypes.builtin
      const before = memtypes.stats(event).live
      const [a] = bench.pair()
      const { eventer } = bench
      const watch = eventer.fdEvent(a, Mask.READ, () => {})
      eventer.add(watch)
      await bench.passes(1)
      expect(memtypes.stats(event).live).toBe(before + 1)
      const recurrent = eventer.recurrent(() => Mask.RECURRENT)
      eventer.add(recurrent)
      await bench.passes(1)
      expect(memtypes.stats(event).live).toBe(before + 2)
      eventer.remove(watch)?.free()
      eventer.removeRecurrent(recurrent)?.free()
      await bench.passes(1)
      expect(memtypes.stats(event).live).toBe(before)
    }))

  it('MT-18 the report accounts for the subsystems', () => {
    const { all } = memtypes.builtin
    expect([...all.keys()]).toEqual(
      expect.arrayContaining(['core:event', 'core:message-body', 'core:async-job']),
    )
    if (!isNativeBackend) return
    expect([...all.keys()]).toEqual(
      expect.arrayContaining(['loop:loop', 'net:connections', 'http:side', 'safe:block']),
    )
  })
})

describe('what an isolate leaves', () => {
  it('MT-10 is freed at its end, counted, and told of on request', async () => {
    const ended = await runChild(`${REGISTER}
      const { once } = require('node:events')
      const { Worker } = require('node:worker_threads')
      memory.configure({ leakReport: true })
      const worker = new Worker(\`
        const { memtypes } = \${LOAD}
        const a = memtypes.register({ description: 'child:a', kind: 'fixed', size: 24 })
        for (let i = 0; i < 5; i++) memtypes.malloc(a).view()
        for (let i = 0; i < 3; i++) memtypes.malloc(a).free()
        require('node:worker_threads').parentPort.postMessage(memtypes.stats(a).live)
        setInterval(() => {}, 1000)\`, { eval: true })
      const [lived] = await once(worker, 'message')
      await worker.terminate()
      print([lived, memtypes.stats(a).live, memtypes.totals().abandoned])`)
    expect(ended.code).toBe(0)
    expect(JSON.parse(ended.stdout)).toEqual([5, 0, isNative ? 5 : 0])
    expect(ended.stderr).toBe(isNative ? 'heddle: an isolate ended with 5 blocks that it did not free\n' : '')
  })
})
