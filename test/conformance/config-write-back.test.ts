import { describe, expect, it } from 'vitest'
import {
  type Change,
  type FileChange,
  loadConfig,
  type LoadOptions,
  parseValue,
  type ScopeStep,
  writeBack,
} from '../../lib/config/syntax'
import { HeddleError } from '../../lib/errors'

/** The changes to files that are nowhere but here, as `name: new text`. The main file is `main`. */
async function changed(
  files: Record<string, string>,
  changes: readonly Change[],
  options: LoadOptions = {},
): Promise<Record<string, string>> {
  const written = await changesOf(files, changes, options)
  return Object.fromEntries(written.map(({ path, text }) => [path.replace(/^\//, ''), text]))
}

async function changesOf(
  files: Record<string, string>,
  changes: readonly Change[],
  options: LoadOptions = {},
): Promise<FileChange[]> {
  const loaded = await loadConfig('/main', {
    ...options,
    read: async (path) => {
      const text = files[path.slice(1)]
      if (text === undefined) throw new HeddleError('ENOENT', path)
      return { kind: 'file', realPath: path, text }
    },
  })
  return writeBack(loaded, changes)
}

/** `B/b` is the stanza `B "b"`, `B` one without instance. */
function scopeOf(scope: string): ScopeStep[] {
  if (scope === '') return []
  return scope.split('.').map((step) => {
    const [name = '', instance] = step.split('/')
    return { name, instance }
  })
}

const set = (scope: string, name: string, value = '2'): Change => ({
  kind: 'set',
  scope: scopeOf(scope),
  name,
  value: parseValue(value),
})
const unset = (scope: string, name: string): Change => ({ kind: 'unset', scope: scopeOf(scope), name })
const remove = (scope: string): Change => ({ kind: 'remove', scope: scopeOf(scope) })
const create = (scope: string): Change => ({ kind: 'create', scope: scopeOf(scope) })

async function main(text: string, ...changes: Change[]): Promise<string | undefined> {
  return (await changed({ main: text }, changes)).main
}

describe('a value that is set (CF-31, A-CF-21)', () => {
  it('takes the place of the old one, and nothing else changes', async () => {
    const text = '# top\na = 1 # one\nB "b" {\n\tKey   =  "x y" /* why */\n}\n# end'
    expect(await main(text, set('b/b', 'KEY', "'z'"))).toBe(text.replace('"x y"', "'z'"))
    expect(await main(text, set('', 'a', '(1 2)'))).toBe(text.replace('a = 1', 'a = (1 2)'))
    expect(await main(text, set('', 'a', '1'))).toBeUndefined()
  })

  it('is replaced where it counts, which is where it comes last', async () => {
    const text = 'B b { k = 1 }\nB c { k = 1 }\nB "b" { k = 1 K = 1 }\n'
    expect(await main(text, set('B/b', 'k'))).toBe('B b { k = 1 }\nB c { k = 1 }\nB "b" { k = 1 K = 2 }\n')
  })

  it('does not run into what follows', async () => {
    expect(await main('a = "1"b = 3', set('', 'a'))).toBe('a = 2 b = 3')
    expect(await main('a = "1"/**/', set('', 'a'))).toBe('a = 2 /**/')
    expect(await main('B { a = (1)}', set('B', 'a'))).toBe('B { a = 2}')
  })

  it('is put at the end of its stanza with the indentation of the file', async () => {
    expect(await main('B "b" {\n\ta = 1 # c\n}\n', set('B/b', 'k'))).toBe(
      'B "b" {\n\ta = 1 # c\n\tk = 2\n}\n',
    )
    expect(await main('B {\r\n    a = 1\r\n}\r\n', set('B', 'k'))).toBe(
      'B {\r\n    a = 1\r\n    k = 2\r\n}\r\n',
    )
    expect(await main('A {\n   x = 1\n}\nB {\n}\n', set('B', 'k'))).toBe(
      'A {\n   x = 1\n}\nB {\n   k = 2\n}\n',
    )
    expect(await main('B { }', set('B', 'k'))).toBe('B {\n  k = 2\n}')
    expect(await main('B { a = 1 }', set('B', 'k'))).toBe('B { a = 1 k = 2 }')
    expect(await main('B {\n  a = 1 }', set('B', 'k'))).toBe('B {\n  a = 1\n  k = 2\n}')
    expect(await main('B { a = 1 # c\n}', set('B', 'k'))).toBe('B { a = 1 # c\n  k = 2\n}')
  })

  it('is put into a new stanza where there is none', async () => {
    expect(await main('a = 1 # c', set('B/b.D/d', 'k'))).toBe(
      'a = 1 # c\nB "b" {\n  D "d" {\n    k = 2\n  }\n}\n',
    )
    expect(await main('B "b" {\n\ta = 1\n}\n', set('B/b.D/d', 'k'), set('B/b.D/d', 'l'))).toBe(
      'B "b" {\n\ta = 1\n\tD "d" {\n\t\tk = 2\n\t\tl = 2\n\t}\n}\n',
    )
    expect(await main('', set('', 'k', '[ a = 1 ]'))).toBe('k = [ a = 1 ]\n')
    expect(await main('B { a = 1 }', set('B.D', 'k'))).toBe('B { a = 1 D { k = 2 } }')
    expect(await main('', create('B/b'), set('B/b', 'k'), set('B/b', 'k', '3'))).toBe('B "b" {\n  k = 3\n}\n')
  })

  it('is written so that it means the same when it is read', async () => {
    const value = new Map([['a b', ['x', '', '"\\\n\t#', 'ü']]])
    const text = await main('', { kind: 'set', scope: [], name: 'k', value })
    expect(text?.trimEnd()).toBe(String.raw`k = [ "a b" = (x "" "\"\\\n\t#" ü) ]`)
    const bad = (change: Change): Promise<unknown> =>
      expect(main('', change)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      })
    await bad({ kind: 'set', scope: [], name: 'k', value: '\ud800' })
    await bad({ kind: 'set', scope: [], name: 'a b', value: '1' })
    await bad({ kind: 'set', scope: [], name: 'include', value: '1' })
    await bad({ kind: 'set', scope: [{ name: 'x{' }], name: 'k', value: '1' })
    await bad({ kind: 'set', scope: [], name: 'k', value: 7 as unknown as string })
    const circle: string[] = []
    circle.push(circle as unknown as string)
    const endless: Change = { kind: 'set', scope: [], name: 'k', value: circle }
    await expect(main('', endless)).rejects.toMatchObject({ code: 'ERR_CONFIG_LIMIT' })
  })
})

describe('a value that is taken out (CF-31)', () => {
  it('goes with its line and the comment on it', async () => {
    expect(await main('a = 1\nk = 2 # c\nb = 3\n', unset('', 'K'))).toBe('a = 1\nb = 3\n')
    expect(await main('# above\n  k = ( 2\n 3 ) /* c */ # d\r\nb = 3', unset('', 'k'))).toBe('# above\nb = 3')
    expect(await main('k = 1', unset('', 'k'))).toBe('')
  })

  it('leaves what else is on its line', async () => {
    expect(await main('a = 1 k = 2 b = 3 # c\n', unset('', 'k'))).toBe('a = 1 b = 3 # c\n')
    expect(await main('k = 2 b = 3\n', unset('', 'k'))).toBe(' b = 3\n')
    expect(await main('a = 1 k = "2"b = 3', unset('', 'k'))).toBe('a = 1 b = 3')
    expect(await main('B { k = 2 }', unset('B', 'k'))).toBe('B { }')
    expect(await main('k = 2 /* x\n */ b = 3', unset('', 'k'))).toBe(' /* x\n */ b = 3')
  })

  it('goes from everywhere, so that no older one comes back', async () => {
    const files = { main: 'k = 1\ninclude "/x"\nB { k = 1 }\n', x: 'k = 2\ny = 1\n' }
    expect(await changed(files, [unset('', 'k')])).toEqual({
      main: 'include "/x"\nB { k = 1 }\n',
      x: 'y = 1\n',
    })
  })

  it('can be a whole stanza', async () => {
    const text = '# b\nB "b" {\n  k = 1\n} # end\nB "c" { }\n'
    expect(await main(text, remove('B/b'))).toBe('# b\nB "c" { }\n')
    expect(await main(text, remove('B/b'), set('B/b', 'k', '3'))).toBe(
      '# b\nB "c" { }\nB "b" {\n  k = 3\n}\n',
    )
    expect(await main(text, remove('B/x'), unset('', 'x'))).toBeUndefined()
    expect(await main(text, create('B/n'), remove('B/n'))).toBeUndefined()
  })

  it('takes place beside what is added', async () => {
    const text = 'B {\n  a = 1\n  k = 2\n}\n'
    expect(await main(text, unset('B', 'k'), set('B', 'n'), set('B', 'a', '9'))).toBe(
      'B {\n  a = 9\n  n = 2\n}\n',
    )
    expect(await main('k = 1', unset('', 'k'), set('', 'k'))).toMatch(/^\n?k = 2\n$/)
  })
})

describe('the file that a change goes to (CF-31, A-CF-21)', () => {
  const files = {
    main: 'm = 1\ninclude "/inc"\nreadonly_include "/ro"\ninclude "/two"\ninclude "/two"\nB "b" { include "/in" }\n',
    inc: 'i = 1\nI "x" {\n}\n',
    ro: 'r = 1\nR "x" {\n  r = 1\n}\nB "b" {\n}\n',
    two: 't = 1\n',
    in: 'k = 1\n',
    local: 'L "x" {\n  l = 1\n}\n',
  }
  const local = { localChangesFile: '/local' }

  it('is the one it came from', async () => {
    const changes = [set('', 'i'), set('I/x', 'n'), set('B/b', 'k'), set('L/x', 'l'), set('L/x', 'n')]
    expect(await changed(files, changes, local)).toEqual({
      inc: 'i = 2\nI "x" {\n  n = 2\n}\n',
      in: 'k = 2\n',
      local: 'L "x" {\n  l = 2\n  n = 2\n}\n',
    })
  })

  it('is never one that is read-only or included twice: then it is the local changes file', async () => {
    const changes = [set('', 'r'), set('R/x', 'r'), set('', 't'), set('R/x', 'r', '3')]
    expect(await changed(files, changes, local)).toEqual({
      local: 'L "x" {\n  l = 1\n}\nr = 2\nR "x" {\n  r = 3\n}\nt = 2\n',
    })
    expect(await changed({ ...files, local: '' }, [set('', 't')], local)).toEqual({ local: 't = 2\n' })
    const { local: _, ...without } = files
    expect(await changesOf(without, [set('', 't')], local)).toEqual([
      { path: '/local', text: 't = 2\n', expected: null },
    ])
  })

  it('is the main file for what is new where only files that are not written have the stanza', async () => {
    const { main: text } = await changed(files, [set('R/x', 'new')])
    expect(text).toBe(`${files.main}R "x" {\n  new = 2\n}\n`)
  })

  it('is missing without a local changes file', async () => {
    await expect(changed(files, [set('', 'r')])).rejects.toMatchObject({
      code: 'ERR_CONFIG_READONLY',
      file: '/ro',
      line: 1,
    })
  })

  it('is not a local changes file that is included as well', async () => {
    await expect(changed(files, [set('', 'r')], { localChangesFile: '/two' })).rejects.toMatchObject({
      code: 'ERR_CONFIG_READONLY',
    })
    const real = async (path: string) => {
      const text = files[path.replace(/^[./]+/, '') as keyof typeof files]
      return { kind: 'file' as const, realPath: path.replace('/./', '/'), text }
    }
    const loaded = await loadConfig('/main', { localChangesFile: '/./two', read: real })
    expect(loaded.localChangesFile).toBe('/two')
    expect(() => writeBack(loaded, [set('', 'r')])).toThrow('not to be written')
  })

  it('must be writable for what is taken out', async () => {
    const readonly = { code: 'ERR_CONFIG_READONLY' }
    await expect(changed(files, [unset('', 't')], local)).rejects.toMatchObject({ ...readonly, file: '/two' })
    await expect(changed(files, [remove('R/x')], local)).rejects.toMatchObject({ ...readonly, line: 2 })
    await expect(changed(files, [remove('B/b')], local)).rejects.toMatchObject(readonly)
  })

  it('is the local changes file alone if it is asked to be', async () => {
    const only = { ...local, localChangesOnly: true }
    const changes = [set('', 'm'), set('I/x', 'new'), set('L/x', 'l'), create('N/n'), set('', 'm', '3')]
    expect(await changed(files, changes, only)).toEqual({
      local: 'L "x" {\n  l = 2\n}\nm = 3\nI "x" {\n  new = 2\n}\nN "n" {\n}\n',
    })
    await expect(changed(files, [unset('', 'm')], only)).rejects.toMatchObject({
      code: 'ERR_CONFIG_READONLY',
    })
    expect(await changed(files, [remove('L/x')], only)).toEqual({ local: '' })
  })

  it('has been read with the text that the change expects', async () => {
    expect(await changesOf(files, [set('', 'i')])).toEqual([
      { path: '/inc', text: 'i = 2\nI "x" {\n}\n', expected: files.inc },
    ])
  })
})
