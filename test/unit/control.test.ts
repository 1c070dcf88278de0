import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Control, ControlResponse } from '../../lib/control'

/** Settles when told to. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

const code = (expected: string) => expect.objectContaining({ code: expected })

describe('commands', () => {
  test('CN-01 CN-05 finds a command by its first word, and gives it the rest', async () => {
    const control = new Control()
    control.register('Echo', (response, { rest, words, name }) => {
      response.push(`${name}|${rest}|${JSON.stringify(words)}`)
    })
    control.register('plain', () => 'returned')
    control.register('later', async () => 'returned later')
    expect(await control.run('  ECHO  a "b c"  \'d"e\' f"g h"i ')).toEqual({
      ok: true,
      text: `echo|a "b c"  'd"e' f"g h"i|["a","b c","d\\"e","fg hi"]`,
    })
    expect(await control.run('plain')).toEqual({ ok: true, text: 'returned' })
    expect(await control.run('later')).toEqual({ ok: true, text: 'returned later' })
    expect(await control.run('   ')).toEqual({ ok: true, text: '' })
  })

  test('CN-04 A-CN-2 says what command it does not know', async () => {
    const control = new Control()
    const { ok, text } = await control.run('nope at all')
    expect([ok, text]).toEqual([false, "unknown command 'nope'; help lists those there are (ENOENT)\n"])
  })

  test('CN-05 a process command replaces another; names of a generation are its own', async () => {
    const control = new Control()
    control.register('x', () => 'first')
    control.register('X', () => 'second')
    expect((await control.run('x')).text).toBe('second')
    expect(() => control.register('x', () => '', { scope: 'generation' })).toThrow(code('ERR_NAME_TAKEN'))
    control.register('g', () => 'of a generation', { scope: 'generation' })
    expect(() => control.register('g', () => '', { scope: 'generation' })).toThrow(code('ERR_NAME_TAKEN'))
    expect(control.unregister('g', 'generation')).toBe(true)
    expect(control.unregister('g', 'generation')).toBe(false)
    expect((await control.run('g')).ok).toBe(false)
  })

  test('CN-05 A-CN-5 commands of a generation go with it, and come into force with theirs', async () => {
    const control = new Control()
    const { generations } = control
    control.register('stays', () => 'process')
    generations.load()
    control.register('old', () => 'one', { scope: 'generation' })
    expect((await control.run('old')).ok).toBe(false)
    generations.commit({ generation: 0 })
    expect((await control.run('old')).text).toBe('one')
    generations.load()
    control.register('never', () => '', { scope: 'generation' })
    generations.abort()
    expect([(await control.run('never')).ok, (await control.run('old')).text]).toEqual([false, 'one'])
    generations.load()
    control.register('new', () => 'two', { scope: 'generation' })
    generations.commit({ generation: 1 })
    expect([(await control.run('old')).ok, (await control.run('new')).text]).toEqual([false, 'two'])
    expect((await control.run('stays')).text).toBe('process')
    expect(control.commands().map(({ usage }) => usage)).toEqual(['new', 'stays'])
  })

  test('CN-05 a generation that ends waits for those of its commands that run', async () => {
    const control = new Control()
    const { generations } = control
    const held = gate()
    const begun = gate()
    const order: string[] = []
    control.register(
      'slow',
      async () => {
        begun.open()
        await held.opened
        order.push('command over')
      },
      { scope: 'generation' },
    )
    const running = control.run('slow')
    await begun.opened
    generations.load()
    generations.commit({ generation: 0 })
    const destroyed = generations.destroy(0).then(() => order.push('destroyed'))
    await generations.destroy(7)
    await turn()
    expect(order).toEqual([])
    held.open()
    await Promise.all([running, destroyed])
    expect(order).toEqual(['command over', 'destroyed'])
  })

  test('CN-01 what no command has is offered to others', async () => {
    const control = new Control()
    const source = {
      find: (name: string) => (name === 'module:a' ? () => 'of a module' : undefined),
      list: () => [{ usage: 'module:a status', does: 'shows it' }],
    }
    const withdraw = control.offer(source)
    expect((await control.run('module:A status')).text).toBe('of a module')
    expect(control.commands()).toEqual(source.list())
    withdraw()
    expect((await control.run('module:a status')).ok).toBe(false)
  })

  test('CN-05 hooks before and after: one refuses, both are told', async () => {
    const control = new Control()
    const seen: string[] = []
    control.register('a', () => 'done')
    const open = control.before(async ({ name, rest }) => {
      seen.push(`before ${name} ${rest}`)
      if (rest === 'secret') throw new Error('not for you')
    })
    const shut = control.after(({ name }, { ok }) => void seen.push(`after ${name} ${ok}`))
    expect(await control.run('a 1')).toEqual({ ok: true, text: 'done' })
    expect(await control.run('a secret')).toEqual({ ok: false, text: 'not for you\n' })
    open()
    shut()
    expect((await control.run('a secret')).ok).toBe(true)
    expect(seen).toEqual(['before a 1', 'after a true', 'before a secret', 'after a false'])
  })

  test('bad registrations and lines are refused', async () => {
    const control = new Control()
    const bad = code('ERR_INVALID_ARGUMENT')
    for (const name of ['', 'two words', 'xml', 'é', '-x', 5, null, { toString: () => 'a' }])
      expect(() => control.register(name as string, () => ''), String(name)).toThrow(bad)
    expect(() => control.register('a', 'text' as never)).toThrow(bad)
    expect(() => control.register('a', () => '', { scope: 'forever' as never })).toThrow(bad)
    expect(() => control.register('a', () => '', null as never)).toThrow(bad)
    expect(() => control.register('a', () => '', { help: { x: 5 } as never })).toThrow(bad)
    expect(() => control.before(1 as never)).toThrow(bad)
    expect(() => control.after(1 as never)).toThrow(bad)
    for (const line of [5, undefined, 'a\nb', 'a\0', 'a\x1b[2J', 'x'.repeat(65_537)])
      await expect(control.run(line as string), String(line).slice(0, 10)).rejects.toThrow(bad)
    expect(() => new Control({ timeout: -1 })).toThrow(bad)
    expect(() => new Control({ maxAnswerBytes: 0.5 })).toThrow(bad)
    control.register('words', (_response, { words }) => words.join())
    expect(await control.run('words "a')).toEqual({
      ok: false,
      text: 'the quotation mark at 1 of the arguments is not closed (EINVAL)\n',
    })
  })
})

describe('the queue', () => {
  test('CN-09 runs one after the other while the loop goes on, and counts those that wait', async () => {
    const control = new Control()
    const held = gate()
    const order: string[] = []
    control.register('slow', async () => {
      order.push('slow begins')
      await held.opened
      order.push('slow ends')
    })
    control.register('quick', (_response, { rest }) => void order.push(`quick ${rest}`))
    const all = [control.run('slow'), control.run('quick 1'), control.run('quick 2')]
    await turn()
    expect([control.queueDepth, order]).toEqual([3, ['slow begins']])
    held.open()
    await Promise.all(all)
    expect(order).toEqual(['slow begins', 'slow ends', 'quick 1', 'quick 2'])
    expect(control.queueDepth).toBe(0)
  })

  test('a command that throws, rejects or throws the unspeakable ends alone', async () => {
    const control = new Control()
    const unspeakable = {
      toString() {
        throw new Error('no')
      },
    }
    const lying = new Error('x')
    Object.defineProperty(lying, 'message', {
      get() {
        throw new Error('no')
      },
    })
    const lie = (): never => {
      throw new Error('no')
    }
    const failures: [unknown, string][] = [
      [new Proxy({}, { getPrototypeOf: lie }), 'so far\nthe command threw what has no text\n'],
      [new Proxy(new Error('x'), { get: lie, has: lie }), 'so far\nthe command threw what has no text\n'],
      [new Error('plain'), 'so far\nplain\n'],
      [undefined, 'so far\nundefined\n'],
      [unspeakable, 'so far\nthe command threw what has no text\n'],
      [lying, 'so far\nthe command threw what has no text\n'],
      [Object.assign(new Error('it is'), { code: 'EIO' }), 'so far\nit is (EIO)\n'],
    ]
    for (const [thrown, text] of failures) {
      control.register('fails', (response) => {
        response.push('so far')
        throw thrown
      })
      expect(await control.run('fails')).toEqual({ ok: false, text })
      control.register('fails', (response) => {
        response.push('so far')
        return Promise.reject(thrown)
      })
      expect(await control.run('fails')).toEqual({ ok: false, text })
    }
    expect(await control.run('xml fails')).toMatchObject({ ok: false })
    expect(control.queueDepth).toBe(0)
  })

  test('a caller that leaves: what waits is dropped, what runs is told and is waited for', async () => {
    const control = new Control()
    const held = gate()
    const ran: string[] = []
    control.register('slow', async (_response, { signal }) => {
      ran.push('slow')
      await held.opened
      ran.push(`told ${signal.aborted}`)
    })
    control.register('dropped', () => void ran.push('dropped'))
    control.register('next', () => void ran.push('next'))
    const leaves = new AbortController()
    const slow = control.run('slow', { signal: leaves.signal })
    const dropped = control.run('dropped', { signal: leaves.signal })
    const next = control.run('next')
    leaves.abort(new Error('left'))
    await expect(slow).rejects.toThrow('left')
    await expect(dropped).rejects.toThrow('left')
    await expect(control.run('next', { signal: leaves.signal })).rejects.toThrow('left')
    expect(ran).toEqual(['slow'])
    held.open()
    await next
    expect(ran).toEqual(['slow', 'told true', 'next'])
  })

  test('a command that takes too long answers ETIME, and the next one begins', async () => {
    const control = new Control({ timeout: 20 })
    const held = gate()
    let late: unknown
    let reason: unknown
    control.register('endless', async (response, { signal }) => {
      response.push('begun\n')
      await held.opened
      reason = signal.reason
      try {
        response.push('too late')
      } catch (error) {
        late = error
      }
      throw new Error('nobody hears of this')
    })
    control.register('next', () => 'next')
    const [endless, next] = await Promise.all([control.run('endless'), control.run('next')])
    expect(endless.ok).toBe(false)
    expect(endless.text).toMatch(/^begun\nendless goes on after 20 ms.*\(ETIME\)\n$/)
    expect(next.text).toBe('next')
    held.open()
    await turn()
    expect(late).toEqual(code('ERR_RESPONSE_DONE'))
    expect(reason).toEqual(code('ETIME'))
  })

  test('a command that asks for another is told that it would wait for itself; later it may', async () => {
    const control = new Control()
    control.register('inner', () => 'inner')
    let later: Promise<unknown> | undefined
    const over = gate()
    control.register('outer', async () => {
      later = over.opened.then(() => control.run('inner'))
      await control.run('inner')
    })
    expect((await control.run('outer')).text).toMatch(/EDEADLK/)
    over.open()
    expect(await later).toEqual({ ok: true, text: 'inner' })
  })

  test('each command runs in the async context of its caller', async () => {
    const control = new Control()
    const who = new AsyncLocalStorage<string>()
    control.register('who', async () => {
      await turn()
      return who.getStore() ?? 'nobody'
    })
    const answers = await Promise.all([
      who.run('ann', () => control.run('who')),
      control.run('who'),
      who.run('bob', () => control.run('who')),
    ])
    expect(answers.map(({ text }) => text)).toEqual(['ann', 'nobody', 'bob'])
  })

  test('an answer above the limit is an error and nothing else', async () => {
    const control = new Control({ maxAnswerBytes: 1000 })
    control.register('much', (response) => {
      for (;;) response.push('x'.repeat(100))
    })
    expect(await control.run('much')).toEqual({
      ok: false,
      text: 'the answer would have more than 1000 bytes (EMSGSIZE)\n',
    })
    control.register('wide', () => '&'.repeat(300))
    expect((await control.run('wide')).ok).toBe(true)
    expect((await control.run('xml wide')).text).toContain('<error code="EMSGSIZE">')
  })
})

describe('answers', () => {
  test('MX-04 A-MO-15 appends in order, with formats', async () => {
    const response = new ControlResponse()
    response.push('a', 'b').printf('%03d %s', 7, 'c').push('\n')
    response.fields({ one: 1, two: undefined, three: 'x\ny' })
    response.table('row', [
      { name: 'long name', count: 5 },
      { name: 'n', count: 12_345 },
    ])
    expect(String(response)).toBe(
      'ab007 c\none: 1\nthree: x y\nname       count\nlong name      5\nn          12345\n',
    )
    expect(() => response.push('kept', 5 as never)).toThrow(code('ERR_INVALID_ARGUMENT'))
    expect(() => response.printf('%d', 'x')).toThrow(code('EINVAL'))
    expect(() => response.table('a b', [])).toThrow(code('ERR_INVALID_ARGUMENT'))
    expect(String(response)).not.toContain('kept')
  })

  test('MX-04 A-MO-15 CN-04 XML is well-formed whatever the text', async () => {
    const control = new Control()
    const hostile = '<&>"\'\0\x01\x0b\x1b\ud800\udc00\ud800x\udc00\ufffe\r\n\t]]>'
    control.register('say', (response) => {
      response.push('a', hostile)
      response.fields({ field: hostile })
      response.table('row', [{ name: hostile, other: undefined }])
      response.push('b')
      throw Object.assign(new Error(hostile), { code: hostile })
    })
    const { ok, text } = await control.run('xml say <&>')
    expect(ok).toBe(false)
    const clean = '&lt;&amp;&gt;"\'\ufffd\ufffd\ufffd\ufffd\u{10000}\ufffdx\ufffd\ufffd&#13;\n\t]]&gt;'
    const quoted = clean.replace('"', '&quot;').replace('\n', '&#10;').replace('\t', '&#9;')
    expect(text).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n' +
        '<response><command>say &lt;&amp;&gt;</command><result ok="false">' +
        `<text>a${clean}</text><field>${clean}</field><row name="${quoted}"/><text>b</text>` +
        `<error code="${quoted}">${clean}</error></result></response>\n`,
    )
    expect(await control.run('say', { xml: true })).toMatchObject({ ok: false })
  })

  test('A-MO-15 rows of a table have the columns of the first, in XML as in text', () => {
    const rows: Record<string, string | number>[] = [
      { a: 1, b: 2 },
      { 'b"><x': 3, b: 4 },
      { a: 5, c: 6 },
    ]
    expect(String(new ControlResponse(true).table('row', rows))).toBe(
      '<row a="1" b="2"/><row b="4"/><row a="5"/>',
    )
    expect(String(new ControlResponse().table('row', rows))).toBe('a  b\n1  2\n   4\n5\n')
  })
})
