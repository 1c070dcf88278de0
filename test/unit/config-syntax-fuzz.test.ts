import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ConfigError,
  type ConfigTree,
  parseConfig,
  parseValue,
  type Place,
  plainValue,
  printConfig,
  printValue,
  type StatementNode,
} from '../../lib/config/syntax'
import { BODY, chooser, plainOf, type Plain, shapeOf, VALUE, Writer } from './config-play'

const CORPUS = join(__dirname, 'config-corpus')
const corpus = readdirSync(CORPUS).map((name) => readFileSync(join(CORPUS, name)))
const ROUNDS = 20_000
const CODES = ['ERR_CONFIG_SYNTAX', 'ERR_CONFIG_LIMIT']

/** A tree, or an error that says where. Anything else fails. */
function attempt(text: string): ConfigTree | undefined {
  try {
    return parseConfig(text, { file: 'fuzz' })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const one of error.all) checkError(one, text)
    return undefined
  }
}

function checkError(error: ConfigError, text: string): void {
  const lines = text.split('\n')
  const { line = 0, column = 0 } = error
  const inside =
    line >= 1 && line <= lines.length && column >= 1 && column <= (lines[line - 1]?.length ?? 0) + 2
  if (!CODES.includes(error.code) || !inside) throw error
}

/** Each node lies in the one around it, behind the one before it, on the line it says. */
function checkPlaces(text: string, nodes: readonly Place[], start: number, end: number): void {
  let from = start
  for (const node of nodes) {
    const lineStart = text.lastIndexOf('\n', node.start - 1) + 1
    const column = node.start - lineStart + 1 - (lineStart === 0 && text.startsWith('\ufeff') ? 1 : 0)
    if (node.start < from || node.end > end || node.column !== column) throw new Error(JSON.stringify(node))
    from = node.end
  }
}

function checkTree({ text, body }: ConfigTree): void {
  checkPlaces(text, body, 0, text.length)
  const lines = [...text].reduce((count, character) => count + (character === '\n' ? 1 : 0), 1)
  for (const node of body) checkStatement(text, node, lines)
}

function checkStatement(text: string, node: StatementNode, lines: number): void {
  if (node.line > lines) throw new Error(`no such line: ${node.line}`)
  if (node.kind === 'stanza') {
    if (text[node.bodyStart - 1] !== '{' || text[node.bodyEnd] !== '}') throw new Error('braces')
    checkPlaces(text, node.body, node.bodyStart, node.bodyEnd)
    for (const inner of node.body) checkStatement(text, inner, lines)
  } else if (node.kind === 'setting') {
    checkPlaces(text, [node.value], node.start, node.end)
    const alone = parseValue(text.slice(node.value.start, node.value.end))
    expect(plainOf(alone)).toEqual(plainOf(node.value))
  }
}

/** Some bytes taken out, put in, doubled, or replaced by what means something. */
function mutated(bytes: Buffer, choose: (below: number) => number): Buffer {
  const marks = [
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    '"',
    "'",
    '=',
    '#',
    '/*',
    '*/',
    ',',
    '\n',
    '\\',
    'include ',
    '\0',
    'ü',
  ]
  let text = bytes
  for (let count = 1 + choose(4); count > 0; count--) {
    const from = choose(text.length + 1)
    const to = Math.min(text.length, from + choose(12))
    const other = corpus[choose(corpus.length)] as Buffer
    const start = choose(other.length)
    const pieces = [
      Buffer.alloc(0),
      Buffer.from(marks[choose(marks.length)] as string),
      Buffer.from([choose(256)]),
      other.subarray(start, start + choose(40)),
      Buffer.concat([text.subarray(from, to), text.subarray(from, to)]),
    ]
    text = Buffer.concat([text.subarray(0, from), pieces[choose(pieces.length)] as Buffer, text.subarray(to)])
  }
  return text
}

describe('texts made of the grammar (CF-29)', () => {
  it('are read as what they were made of, and so is what is printed of them', () => {
    fc.assert(
      fc.property(BODY, fc.nat(), (body, seed) => {
        const text = new Writer(chooser(seed)).body(body)
        const tree = parseConfig(text)
        expect(shapeOf(tree.body)).toEqual(body)
        checkTree(tree)
        const printed = printConfig(tree)
        expect(shapeOf(parseConfig(printed).body)).toEqual(body)
        expect(printConfig(parseConfig(printed))).toBe(printed)
      }),
      { numRuns: 500 },
    )
  })

  it('have values that are printed as they are read (CF-11, CF-12)', () => {
    fc.assert(
      fc.property(VALUE, (value) => {
        fc.pre(!hasDoubles(value))
        const printed = printValue(plainValue(parseValue(new Writer(chooser(1)).value(value))))
        expect(plainOf(parseValue(printed))).toEqual(value)
      }),
      { numRuns: 500 },
    )
  })
})

describe('texts made of noise (CF-29)', () => {
  it('give a tree or an error with a place: characters of the grammar', () => {
    const noise = fc.string({
      unit: fc.constantFrom(...'aB1 \n\t="\'\\{}()[]#/*,é\u00a0', 'include', '/*', '*/'),
    })
    fc.assert(
      fc.property(noise, (text) => {
        const tree = attempt(text)
        if (tree === undefined) return
        checkTree(tree)
        expect(shapeOf(parseConfig(printConfig(tree)).body)).toEqual(shapeOf(tree.body))
      }),
      { numRuns: 2000 },
    )
  })

  it('give a tree or an error with a place: bytes of the corpus, changed', () => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 0x7fffffff)
    const choose = chooser(seed)
    let accepted = 0
    for (let round = 0; round < ROUNDS; round++) {
      const text = mutated(corpus[choose(corpus.length)] as Buffer, choose).toString('utf8')
      try {
        const tree = attempt(text)
        if (tree === undefined) continue
        accepted++
        if (round % 20 === 0) checkTree(tree)
        const printed = printConfig(tree)
        if (printConfig(parseConfig(printed)) !== printed) throw new Error('printed otherwise')
      } catch (cause) {
        throw new Error(`FUZZ_SEED=${seed}, round ${round}: ${JSON.stringify(text)}`, { cause })
      }
    }
    expect(accepted).toBeGreaterThan(ROUNDS / 100)
    expect(accepted).toBeLessThan(ROUNDS)
  })
})

function hasDoubles(value: Plain): boolean {
  if (typeof value === 'string') return false
  if (Array.isArray(value)) return value.some(hasDoubles)
  const names = new Set(value.pairs.map(([name]) => name))
  return names.size < value.pairs.length || value.pairs.some(([, inner]) => hasDoubles(inner))
}
