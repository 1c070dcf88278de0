import { describe, expect, it } from 'vitest'
import {
  type ConfigError,
  parseConfig,
  parseValue,
  type StatementNode,
  type ValueNode,
} from '../../lib/config/syntax'

/** A value as plain data: text, list, or list of pairs. */
type Plain = string | Plain[] | { pairs: [string, Plain][] }

function plain(value: ValueNode): Plain {
  if (value.kind === 'scalar') return value.text
  if (value.kind === 'array') return value.items.map(plain)
  return { pairs: value.entries.map(({ name, value: inner }) => [name, plain(inner)]) }
}

/** Statements as plain data. */
function shape(body: readonly StatementNode[]): unknown[] {
  return body.map((node) => {
    if (node.kind === 'setting') return [node.name, plain(node.value)]
    if (node.kind === 'include') return [node.readonly ? 'readonly_include' : 'include', node.path]
    return { name: node.name, instance: node.instance, body: shape(node.body) }
  })
}

const read = (text: string): unknown[] => shape(parseConfig(text).body)

function failure(text: string): ConfigError {
  try {
    parseConfig(text, { file: 'app.conf' })
  } catch (error) {
    return error as ConfigError
  }
  throw new Error(`accepted: ${text}`)
}

describe('the text of a configuration (CF-29, A-CF-20)', () => {
  it('has settings and stanzas with and without an instance', () => {
    const text = 'Debug = yes\nGlobal { Key = 1 }\nBinding "b 1" {\n  Domain d.com { Key = 2 Other = 3 }\n}\n'
    expect(read(text)).toEqual([
      ['Debug', 'yes'],
      { name: 'Global', instance: undefined, body: [['Key', '1']] },
      {
        name: 'Binding',
        instance: 'b 1',
        body: [
          {
            name: 'Domain',
            instance: 'd.com',
            body: [
              ['Key', '2'],
              ['Other', '3'],
            ],
          },
        ],
      },
    ])
  })

  it('has comments of one line and of several, everywhere between words', () => {
    const text = '# one\na /* two */ = /* three\n*/ 1 # four = 5\n/* { " */ b = ( 1 # x\n 2 /**/ 3 )/***/'
    expect(() => parseConfig(text)).toThrow('expected a value on this line')
    expect(read(text.replace('three\n', 'three'))).toEqual([
      ['a', '1'],
      ['b', ['1', '2', '3']],
    ])
  })

  it('does not nest comments', () => {
    const error = failure('/* a /* b */ c = 1 */\n')
    expect(error.reason).toBe('this "*/" ends no comment: comments do not nest')
    expect(error.column).toBe(20)
  })

  it('has escapes between double quotation marks and none between single ones', () => {
    expect(read(String.raw`a = "say \"hi\" \\ \n \t \. \d"`)).toEqual([
      ['a', String.raw`say "hi" \ ${'\n'} ${'\t'} \. \d`],
    ])
    expect(read(String.raw`a = 'say "hi" \n \\'`)).toEqual([['a', String.raw`say "hi" \n \\`]])
    expect(read(`a = ""`)).toEqual([['a', '']])
  })

  it('has arrays and dictionaries, with white space or commas, in order, within each other', () => {
    expect(read('a = (x "y z" w)\nb = ( 1, 2,3, )\nc = ()')).toEqual([
      ['a', ['x', 'y z', 'w']],
      ['b', ['1', '2', '3']],
      ['c', []],
    ])
    expect(read('a = [ z = 1  "a b" = "2", c.d = ( 3 [ e = 4 ] ) z = 5 ]')).toEqual([
      [
        'a',
        {
          pairs: [
            ['z', '1'],
            ['a b', '2'],
            ['c.d', ['3', { pairs: [['e', '4']] }]],
            ['z', '5'],
          ],
        },
      ],
    ])
    expect(read('a =\n(\n1\n)\nb =\n[]')).toEqual([
      ['a', ['1']],
      ['b', { pairs: [] }],
    ])
  })

  it('refuses values without quotation marks that have marks in them', () => {
    for (const mark of ['/', '"', "'", '=']) {
      expect(failure(`a = x${mark}y`).reason).toMatch(/^a value with .* needs quotation marks$/)
    }
    for (const mark of ['{', '}', '[', ']', '(', ')', ',']) {
      expect(failure(`a = x${mark}y`).code).toBe('ERR_CONFIG_SYNTAX')
    }
    expect(read('a = x#y')).toEqual([['a', 'x']])
    expect(read('a = 10.0.0.1:25 b=-1.5e3 c=a;b|c\\d')).toEqual([
      ['a', '10.0.0.1:25'],
      ['b', '-1.5e3'],
      ['c', 'a;b|c\\d'],
    ])
  })

  it('refuses blanks that nobody can see', () => {
    expect(failure('a = x\u00a0y').reason).toContain('the invisible character U+00A0')
    expect(failure('a = x\u200by').reason).toContain('the invisible character U+200B')
    expect(read('a = "x\u00a0y" b = grün😀')).toEqual([
      ['a', 'x\u00a0y'],
      ['b', 'grün😀'],
    ])
  })

  it('keeps the spelling of names, and says in lower case what they are compared by (CF-05)', () => {
    const [setting, stanza] = parseConfig('MyKey = VaLue\nBINDING "B" {}').body
    expect(setting).toMatchObject({ name: 'MyKey', key: 'mykey', value: { text: 'VaLue' } })
    expect(stanza).toMatchObject({ name: 'BINDING', key: 'binding', instance: 'B' })
  })

  it('reads CRLF and a byte order mark', () => {
    expect(read('\ufeffa = 1\r\nb = "2"\r\n')).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
    expect(parseConfig('\ufeffa = 1').body[0]).toMatchObject({ line: 1, column: 1, start: 1 })
  })

  it('knows of each node where it stands', () => {
    const text = 'a = 1\n  B "i" {\n\tkey = ( x y )\n}\n'
    const tree = parseConfig(text, { file: 'f.conf' })
    const [, stanza] = tree.body as [StatementNode, StatementNode & { kind: 'stanza' }]
    expect(stanza).toMatchObject({ file: 'f.conf', line: 2, column: 3 })
    expect(text.slice(stanza.start, stanza.end)).toBe('B "i" {\n\tkey = ( x y )\n}')
    expect(text.slice(stanza.bodyStart, stanza.bodyEnd)).toBe('\n\tkey = ( x y )\n')
    const [setting] = stanza.body as [StatementNode & { kind: 'setting' }]
    expect(setting).toMatchObject({ line: 3, column: 2 })
    expect(text.slice(setting.value.start, setting.value.end)).toBe('( x y )')
    expect(setting.value).toMatchObject({ items: [{ column: 10 }, { column: 12, line: 3 }] })
  })

  it('knows includes (CF-30)', () => {
    expect(read('include "dir/"\nReadOnly_Include x.conf B { include "y" }')).toEqual([
      ['include', 'dir/'],
      ['readonly_include', 'x.conf'],
      { name: 'B', instance: undefined, body: [['include', 'y']] },
    ])
  })

  it('reads a value alone (CF-14)', () => {
    expect(plain(parseValue(' "/var/log/x" '))).toBe('/var/log/x')
    expect(plain(parseValue('( a b )'))).toEqual(['a', 'b'])
    expect(() => parseValue('/var')).toThrow('needs quotation marks')
    expect(() => parseValue('a b')).toThrow('expected the end of the value, found "b"')
    expect(() => parseValue('')).toThrow('expected a value, found the end of the file')
  })
})

describe('an error in the text of a configuration (CF-29, CF-02)', () => {
  it('names file, line and column, and shows the line with a caret', () => {
    const error = failure('a = 1\n\tb = }\n')
    expect(error).toMatchObject({ code: 'ERR_CONFIG_SYNTAX', file: 'app.conf', line: 2, column: 6 })
    expect(error.message).toBe('app.conf:2:6: expected a value, found "}"\n  \tb = }\n  \t    ^')
  })

  it.each([
    ['a', 'expected "=" or "{", found the end of the file', 1, 2],
    ['a =', 'expected a value, found the end of the file', 1, 4],
    ['a =\nb = 1', 'expected a value on this line', 1, 4],
    ['a\nb = 1', 'expected "=" or "{" after this name', 1, 1],
    ['a b = 1', 'expected "{" (a setting is written name = value), found "="', 1, 5],
    ['a {\nb = 1', 'this block has no end, expected "}"', 1, 1],
    ['a = 1 }', 'this "}" closes nothing', 1, 7],
    ['a = (1', 'this "(" has no end, expected ")"', 1, 5],
    ['a = [b]', 'expected "=", found "]"', 1, 7],
    ['a = (,)', 'expected a value, found ","', 1, 6],
    ['a = (1,,2)', 'expected a value, found ","', 1, 8],
    ['a = "x\ny = 2', 'this text has no end, expected a quotation mark before the end of the line', 1, 5],
    ['a = 1\n/* x', 'this comment has no end, expected "*/"', 2, 1],
    ['? = 1', 'expected a name, found "?"', 1, 1],
    ['b { ? = 1 }', 'expected a name or "}", found "?"', 1, 5],
    ['include\n"x"', `expected a path, found '"'`, 2, 1],
    ['include = "x"', 'expected a path, found "="', 1, 9],
    ['include ""', 'the path is empty', 1, 1],
    ['a\u0000 = 1', 'expected "=" or "{", found the invisible character U+0000', 1, 2],
  ])('%j: %s', (text, reason, line, column) => {
    expect(failure(text)).toMatchObject({ reason, line, column })
  })

  it('comes with the others that were found', () => {
    const text = 'a = }\nb = 1\nc { d = \ne = "x\nf = 2 }\n? g { h = }\n}\ni = 3\n}\n'
    const all = failure(text).all.map(({ line, reason }) => `${line} ${reason}`)
    expect(all).toEqual([
      '1 expected a value, found "}"',
      '3 expected a value on this line',
      '4 this text has no end, expected a quotation mark before the end of the line',
      '6 expected a name, found "?"',
      '6 expected a value, found "}"',
    ])
    expect(failure('?\n'.repeat(1000)).all).toHaveLength(20)
    expect(
      failure(text)
        .report()
        .match(/app\.conf:/g),
    ).toHaveLength(5)
  })

  it('has a limit for blocks within each other', () => {
    const nested = (depth: number): string => 'a {'.repeat(depth) + '}'.repeat(depth)
    expect(parseConfig(nested(64)).body).toHaveLength(1)
    expect(failure(nested(65))).toMatchObject({ code: 'ERR_CONFIG_LIMIT', line: 1, column: 196 })
    expect(failure(`a = ${'('.repeat(100_000)}`).code).toBe('ERR_CONFIG_LIMIT')
    expect(failure(`? {${nested(64)}`).code).toBe('ERR_CONFIG_LIMIT')
    expect(failure('? {'.repeat(100_000)).all).toHaveLength(20)
  })

  it('can be written as JSON and shown', () => {
    const error = failure('a = }\n? = 1')
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ code: 'ERR_CONFIG_SYNTAX', line: 1 })
    expect(Object.keys(error)).not.toContain('all')
  })

  it('is ERR_INVALID_ARGUMENT for what is no text', () => {
    for (const wrong of [undefined, null, 7, {}, Buffer.from('a = 1')])
      expect(failure(wrong as unknown as string).code).toBe('ERR_INVALID_ARGUMENT')
    for (const options of [null, 'app.conf', { file: 7 }])
      expect(() => parseConfig('', options as unknown as object)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
      )
  })

  it('shows a piece of a line without an end', () => {
    const error = failure(`a = "${'x'.repeat(1_000_000)}`)
    expect(error.message.length).toBeLessThan(500)
    expect(failure(`${'x'.repeat(1_000_000)}?`).message.length).toBeLessThan(500)
  })
})
