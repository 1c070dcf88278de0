import { describe, expect, it } from 'vitest'
import type { ConfigSection, ConfigSections, HeddleError } from '../../lib'
import { codeOf, failureOf } from '../thrown'
import { configOf, namesOf } from './sections-harness'

const TREE = `
  top = 1
  a { x = 1  b { y = 2 }  b "one" { y = 3 }  b "two]" { y = 4 } }
  A { x = 9  c { deep = far  b { y = 5 } } }
  list = (p q)
  dict = [ p = q ]
`

async function withRead<R>(
  text: string,
  path: string,
  look: (conf: ConfigSections, s: ConfigSection) => R,
): Promise<R> {
  const { sections: conf } = await configOf(text)
  await using section = await conf.readSection(path)
  return look(conf, section)
}

describe('paths of sections', () => {
  it.each<[string, string[]]>([
    ['/', ['']],
    ['/a', ['A']],
    ['/A/C', ['c']],
    ['/a/b', ['b', 'b one', 'b two]']],
    ['//b', ['b', 'b one', 'b two]', 'b']],
    ['//*', ['A', 'b', 'b one', 'b two]', 'c', 'b']],
    ['/*/c', ['c']],
    ['//c//b', ['b']],
    ['//a//b', ['b', 'b one', 'b two]', 'b']],
    ['/nothing', []],
    ['/nothing//b', []],
  ])('CX-08 CX-09 %s: stanzas of one name and instance are one section', async (path, names) => {
    const { sections: conf } = await configOf(TREE)
    using found = await conf.readSections(path)
    expect(namesOf(found)).toEqual(names)
    expect(found.length).toBe(names.length)
  })

  it.each<[string, string[]]>([
    ['/m/b', ['b', 'b one', 'b two]']],
    ['/m/b[]', ['b']],
    ['/m/b[one]', ['b one']],
    ['/m/b["two]"]', ['b two]']],
    ['/m/*[one]', ['b one']],
    ['//b[ONE]', []],
  ])('CX-09 %s tells instances apart', async (path, names) => {
    const { sections: conf } = await configOf('m { b { } b "one" { } b "two]" { } }')
    using found = await conf.readSections(path)
    expect(namesOf(found)).toEqual(names)
  })

  it.each(['a b', '/a/', 'a//', '///a', '/a[', '/a[b', '/a]', '@a', '/a.b', '/é', `/${'a'.repeat(5000)}`])(
    'CX-01 refuses %j',
    async (path) => {
      const { sections: conf } = await configOf(TREE)
      expect((await failureOf(conf.readSection(path))).code).toBe('ERR_CONFIG_PATH')
    },
  )

  it('CX-08 a path to nothing gives an empty section: nothing in it, and it is released like any other', async () => {
    const { sections: conf } = await configOf(TREE)
    const read = await conf.readSection('/x/y[z]')
    expect([read.isEmpty, read.name, read.instance, read.location]).toEqual([true, '', undefined, undefined])
    expect([conf.getString(read, 'x'), conf.getHash(read, 'config').size]).toEqual([undefined, 0])
    expect(await read.release()).toBeUndefined()
    const write = await conf.writeSection('/x')
    expect(codeOf(() => conf.setString(write, 'y', '1'))).toBe('ERR_NOT_WRITABLE')
    expect(codeOf(() => conf.removeSection(write))).toBe('ERR_NOT_WRITABLE')
    expect(await write.release()).toBeUndefined()
  })

  it('CX-09 holds several sections by one lock, which is released with the list', async () => {
    const { sections: conf } = await configOf(TREE)
    const list = await conf.readSections('//c/b')
    const [member] = list.sections
    expect([conf.lockState().depth, member!.location]).toEqual([1, 'A c b'])
    expect(conf.getInt32(member!, 'y')).toBe(5)
    expect((await failureOf(member!.release())).code).toBe('ERR_LOCK_NOT_HELD')
    await list.release()
    expect([list.isReleased, member!.isReleased, conf.lockState().depth]).toEqual([true, true, 0])
    expect((await failureOf(list.release())).code).toBe('ERR_LOCK_NOT_HELD')
  })
})

describe('typed values', () => {
  const read = async <T>(
    text: string,
    get: (conf: ConfigSections, s: ConfigSection) => T,
  ): Promise<[T, number]> => withRead(`v = ${text}`, '/', (conf, s) => [get(conf, s), s.faults.length])

  it.each<[string, number | undefined]>([
    ['2147483647', 2147483647],
    ['"-2147483648"', -2147483648],
    ['+5', 5],
    ['007', 7],
    ['2147483648', undefined],
    ['1.5', undefined],
    ['12x', undefined],
    ['""', undefined],
    ['0x10', undefined],
    ['" 1"', undefined],
    ['1e3', undefined],
  ])('CX-10 int32 %s', async (text, value) => {
    expect(await read(text, (conf, s) => conf.getInt32(s, 'v'))).toEqual([value, value === undefined ? 1 : 0])
  })

  it('CX-10 the limits of every whole number', async () => {
    const of = async (text: string): Promise<unknown[]> =>
      (
        await read(text, (conf, s) => [conf.getUint32(s, 'v'), conf.getInt64(s, 'v'), conf.getUint64(s, 'v')])
      )[0]
    expect(await of('4294967295')).toEqual([4294967295, 4294967295n, 4294967295n])
    expect(await of('4294967296')).toEqual([undefined, 4294967296n, 4294967296n])
    expect(await of('9223372036854775807')).toEqual([undefined, 2n ** 63n - 1n, 2n ** 63n - 1n])
    expect(await of('18446744073709551615')).toEqual([undefined, undefined, 2n ** 64n - 1n])
    expect(await of('18446744073709551616')).toEqual([undefined, undefined, undefined])
    expect(await of('-9223372036854775808')).toEqual([undefined, -(2n ** 63n), undefined])
    expect(await of('-1')).toEqual([undefined, -1n, undefined])
  })

  it('CX-10 decimal numbers of 32 and 64 bits', async () => {
    const of = async (text: string): Promise<unknown[]> =>
      (await read(text, (conf, s) => [conf.getFloat(s, 'v'), conf.getDouble(s, 'v')]))[0]
    expect(await of('0.1')).toEqual([Math.fround(0.1), 0.1])
    expect(await of('-1e3')).toEqual([-1000, -1000])
    expect(await of('.5')).toEqual([0.5, 0.5])
    expect(await of('1e39')).toEqual([undefined, 1e39])
    for (const bad of ['1e999', 'NaN', 'Infinity', '0x1', '""', 'e5', '.', '"1,5"'])
      expect(await of(bad)).toEqual([undefined, undefined])
  })

  it('CX-10 CX-18 booleans by the strict words, UUIDs, durations', async () => {
    const id = '0F8FAD5B-D9CB-469F-A165-70867728950E'
    expect(await read('YES', (conf, s) => conf.getBoolean(s, 'v'))).toEqual([true, 0])
    expect(await read('off', (conf, s) => conf.getBoolean(s, 'v'))).toEqual([false, 0])
    expect(await read('1', (conf, s) => conf.getBoolean(s, 'v'))).toEqual([undefined, 1])
    expect(await read(id, (conf, s) => conf.getUuid(s, 'v'))).toEqual([id.toLowerCase(), 0])
    expect(await read(`${id}0`, (conf, s) => conf.getUuid(s, 'v'))).toEqual([undefined, 1])
    expect(await read('"1d 2hr"', (conf, s) => conf.getDuration(s, 'v'))).toEqual([93_600_000, 0])
    expect(await read('"1d 2hr"', (conf, s) => conf.getDuration(s, 'v', 'hr'))).toEqual([26, 0])
    expect(await read('5', (conf, s) => conf.getDuration(s, 'v'))).toEqual([undefined, 1])
  })

  it('CX-10 what is missing is undefined without a fault, what does not fit says why', async () => {
    await withRead(TREE, '/', (conf, s) => {
      expect(conf.getInt32(s, 'no/such')).toBeUndefined()
      expect(s.faults).toEqual([])
      expect(conf.getString(s, 'list')).toBeUndefined()
      expect(conf.getString(s, 'dict')).toBeUndefined()
      expect(conf.getInt32(s, 'a/c/deep')).toBeUndefined()
      expect(s.faults.map(({ code }: HeddleError) => code)).toEqual(Array(3).fill('EINVAL'))
      expect(s.faults[2]!.message).toContain('a/c/deep')
      for (let i = 0; i < 300; i++) conf.getInt32(s, 'a/c/deep')
      expect(s.faults.length).toBe(100)
    })
  })

  it('CX-10 attribute or element, from the section or the top, at any depth; the last match wins', async () => {
    await withRead(TREE, '/a', (conf, s) => {
      expect(conf.getInt32(s, 'x')).toBe(9)
      expect(conf.getInt32(s, '@X')).toBe(9)
      expect(conf.getInt32(s, 'c/b/@y')).toBe(5)
      expect(conf.getInt32(s, '/top')).toBe(1)
      expect(conf.getInt32(s, '/a/x')).toBe(9)
      expect(conf.getInt32(s, '//y')).toBe(5)
      expect(conf.getInt32(s, 'b[]/y')).toBe(2)
      expect(conf.getInt32(s, 'b[two]/y')).toBeUndefined()
      expect(conf.getInt32(s, 'b["two]"]/y')).toBe(4)
      expect(conf.getInt32(s, '//top')).toBe(1)
      expect(conf.getString(s, 'c//deep')).toBe('far')
    })
    await withRead('m { b "1" { y = 3 } b "2" { y = 4 } b "3" { } }', '/m', (conf, s) => {
      expect(conf.getInt32(s, 'b/y')).toBe(4)
      expect(conf.getInt32(s, 'b[1]/y')).toBe(3)
    })
  })

  it('CX-10 a getter takes sections only', async () => {
    const { sections: conf } = await configOf(TREE)
    for (const none of [undefined, null, {}, 'x'])
      expect(codeOf(() => conf.getString(none as never, 'x'))).toBe('ERR_INVALID_ARGUMENT')
  })
})

describe('changing values', () => {
  it('CX-02 A-CX-4 a setter needs a write section, and without one nothing is changed', async () => {
    const config = await configOf(TREE)
    const conf = config.sections
    expect(codeOf(() => conf.setString(undefined as never, 'x', '5'))).toBe('ERR_NOT_WRITABLE')
    const read = await conf.readSection('/a')
    expect(codeOf(() => conf.setString(read, 'x', '5'))).toBe('ERR_NOT_WRITABLE')
    expect(codeOf(() => conf.unset(read, 'x'))).toBe('ERR_NOT_WRITABLE')
    expect(codeOf(() => conf.removeSection(read))).toBe('ERR_NOT_WRITABLE')
    expect(codeOf(() => conf.asTransaction(read))).toBe('ERR_NOT_WRITABLE')
    await read.release()
    const write = await conf.writeSection('/a')
    const inner = await conf.readSection('/a')
    expect(codeOf(() => conf.setString(inner, 'x', '5'))).toBe('ERR_NOT_WRITABLE')
    expect(conf.getInt32(inner, 'x')).toBe(9)
    await inner.release()
    await write.release()
    expect(config.generation).toBe(1)
  })

  it('CX-10 writes every type so that it reads the same, and makes stanzas that are missing', async () => {
    const { sections: conf } = await configOf('a { }')
    const id = '0f8fad5b-d9cb-469f-a165-70867728950e'
    {
      await using w = await conf.writeSection('/a')
      conf.setString(w, 's', 'two words # "quoted" { }\n')
      conf.setInt32(w, 'new/i32', -5)
      conf.setUint32(w, 'new/u32', 4294967295)
      conf.setInt64(w, 'new[in st]/@i64', -(2n ** 63n))
      conf.setUint64(w, 'new["q]"]/u64', 2n ** 64n - 1n)
      conf.setFloat(w, 'f', 0.1)
      conf.setDouble(w, 'd', -1.5e300)
      conf.setBoolean(w, '/else/b', true)
      conf.setUuid(w, 'id', id.toUpperCase())
      expect(conf.getInt32(w, 'new/i32')).toBe(-5)
    }
    using r = await conf.readSection('/a')
    expect(conf.getString(r, 's')).toBe('two words # "quoted" { }\n')
    expect(conf.getInt32(r, 'new[]/i32')).toBe(-5)
    expect(conf.getUint32(r, 'new[]/u32')).toBe(4294967295)
    expect(conf.getInt64(r, 'new[in st]/i64')).toBe(-(2n ** 63n))
    expect(conf.getUint64(r, 'new["q]"]/u64')).toBe(2n ** 64n - 1n)
    expect(conf.getFloat(r, 'f')).toBe(Math.fround(0.1))
    expect(conf.getDouble(r, 'd')).toBe(-1.5e300)
    expect(conf.getBoolean(r, '/else/b')).toBe(true)
    expect(conf.getUuid(r, 'id')).toBe(id)
    expect(r.faults).toEqual([])
  })

  it('CX-10 refuses values that do not fit, and paths that may name several', async () => {
    const config = await configOf(TREE)
    const conf = config.sections
    const w = await conf.writeSection('/a')
    const wrong: (() => void)[] = [
      () => conf.setString(w, 'x', 5 as never),
      () => conf.setInt32(w, 'x', 2 ** 31),
      () => conf.setInt32(w, 'x', 0.5),
      () => conf.setUint32(w, 'x', -1),
      () => conf.setInt64(w, 'x', 5 as never),
      () => conf.setUint64(w, 'x', -1n),
      () => conf.setFloat(w, 'x', 1e39),
      () => conf.setDouble(w, 'x', Number.NaN),
      () => conf.setBoolean(w, 'x', 'true' as never),
      () => conf.setUuid(w, 'x', 'no'),
    ]
    for (const set of wrong) expect(codeOf(set)).toBe('EINVAL')
    for (const path of ['//x', '*/x', 'c//b/x', '', 'a b', 'x/', '/'])
      expect(codeOf(() => conf.setString(w, path, '1'))).toBe('ERR_CONFIG_PATH')
    expect(await w.release()).toBeUndefined()
    expect(config.generation).toBe(1)
  })

  it('CX-10 a setter and a getter of one path mean the same stanza, or the setter says that there are several', async () => {
    const { sections: conf } = await configOf('one "a" { p = 1 }  l { p = 1 } l "b" { p = 2 }  none { }')
    const w = await conf.writeSection('/')
    conf.setInt32(w, 'one/p', 9)
    conf.setInt32(w, 'none/p', 8)
    conf.setInt32(w, 'made/p', 7)
    expect(['one/p', 'one[a]/p', 'none[]/p', 'made[]/p'].map((path) => conf.getInt32(w, path))).toEqual([
      9, 9, 8, 7,
    ])
    for (const change of [() => conf.setInt32(w, 'l/p', 9), () => conf.unset(w, 'l/p')])
      expect(codeOf(change)).toBe('ERR_CONFIG_PATH')
    conf.setInt32(w, 'l[]/p', 5)
    conf.setInt32(w, 'l[b]/p', 6)
    expect([conf.getInt32(w, 'l[]/p'), conf.getInt32(w, 'l[b]/p'), conf.unset(w, 'one/p')]).toEqual([
      5,
      6,
      true,
    ])
    expect(conf.getInt32(w, 'one/p')).toBeUndefined()
    await w.release()
  })

  it('CX-10 CX-17 an instance may be as long as it likes', async () => {
    const long = 'i'.repeat(5000)
    const { sections: conf } = await configOf(`a "${long}" { x = 1 }`)
    const w = await conf.writeSection('/a')
    conf.setInt32(w, 'x', 2)
    expect([conf.getInt32(w, 'x'), conf.removeSection(w)]).toEqual([2, true])
    expect(await w.committed).toMatchObject({ generation: 2 })
  })

  it('CX-10 CX-13 what the environment hides is not changed unseen', async () => {
    const text =
      'a { require_env = HEDDLE_NO_SUCH x = 1 }  m { x = 1 } m { require_env = HEDDLE_NO_SUCH x = 2 }'
    const config = await configOf(text)
    const conf = config.sections
    const w = await conf.writeSection('/')
    for (const path of ['a[]/x', 'm/x', 'm[]/x'])
      expect([path, codeOf(() => conf.setInt32(w, path, 5))]).toEqual([path, 'ERR_NOT_WRITABLE'])
    expect([conf.getInt32(w, 'm/x'), await w.release(), config.generation]).toEqual([1, undefined, 1])
  })

  it('CX-17 removes a section and releases its lock', async () => {
    const config = await configOf(TREE)
    const conf = config.sections
    const w = await conf.writeSection('/a/c')
    expect(conf.removeSection(w)).toBe(true)
    expect(w.isReleased).toBe(true)
    expect(await w.committed).toMatchObject({ generation: 2 })
    expect(conf.lockState()).toMatchObject({ writer: undefined, depth: 0 })
    using r = await conf.readSection('/a/c')
    expect(r.isEmpty).toBe(true)
    await r.release()
    const top = await conf.writeSection('/')
    expect(conf.removeSection(top)).toBe(false)
    expect(top.isReleased).toBe(false)
    await top.release()
  })

  it('CX-17 what stood in a removed section is empty for others who hold it, and one above goes on', async () => {
    const { sections: conf } = await configOf(TREE)
    await using top = await conf.writeSection('/')
    using inner = await conf.readSection('/a/c/b')
    const w = await conf.writeSection('/a')
    expect(conf.removeSection(w)).toBe(true)
    expect([inner.isEmpty, conf.getInt32(inner, 'y')]).toEqual([true, undefined])
    conf.setString(top, 'a/again', 'yes')
    expect(conf.getString(top, 'a/again')).toBe('yes')
    expect(conf.getString(top, 'a/x')).toBeUndefined()
  })

  it('CX-10 CX-17 what several stanzas say of one place is changed in all of them', async () => {
    const { sections: conf } = await configOf('p { c { x = 1 } y = 1 } p { d { } y = 2 }')
    const top = await conf.writeSection('/')
    const c = await conf.writeSection('/p/c')
    expect(conf.getInt32(c, 'x')).toBe(1)
    expect([conf.unset(top, 'p/y'), conf.getString(top, 'p/y')]).toEqual([true, undefined])
    expect([conf.removeSection(c), conf.getString(top, 'p/c/x')]).toEqual([true, undefined])
    expect(await top.release()).toMatchObject({ generation: 2 })
    using found = await conf.readSections('//*')
    expect(namesOf(found)).toEqual(['p', 'd'])
  })

  it('CX-10 unset takes a setting away, once', async () => {
    const { sections: conf } = await configOf('a { x = 1 }')
    await using w = await conf.writeSection('/a')
    expect([conf.unset(w, 'X'), conf.unset(w, 'x'), conf.unset(w, 'c/d')]).toEqual([true, false, false])
    expect(conf.getString(w, 'x')).toBeUndefined()
  })
})
