import fc from 'fast-check'
import type { StatementNode, ValueNode } from '../../lib/config/syntax'

/** Statements as plain data, for tests that make texts of them, or compare what texts became. */
export type PlainStatement =
  | { setting: string; value: Plain }
  | { stanza: string; instance: string | undefined; body: PlainStatement[] }
  | { include: string; readonly: boolean }

export type Plain = string | Plain[] | { pairs: (readonly [string, Plain])[] }

export function plainOf(node: ValueNode): Plain {
  if (node.kind === 'scalar') return node.text
  if (node.kind === 'array') return node.items.map(plainOf)
  return { pairs: node.entries.map(({ name, value }) => [name, plainOf(value)] as const) }
}

export function shapeOf(body: readonly StatementNode[]): PlainStatement[] {
  return body.map((node) => {
    if (node.kind === 'setting') return { setting: node.name, value: plainOf(node.value) }
    if (node.kind === 'include') return { include: node.path, readonly: node.readonly }
    return { stanza: node.name, instance: node.instance, body: shapeOf(node.body) }
  })
}

const ANY_TEXT = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.string({ unit: fc.constantFrom(...'ab \\"\'#/*=(){}[],;\n\r\t\u00a0\u0000'), maxLength: 6 }),
)
export const NAME = fc
  .stringMatching(/^[A-Za-z0-9_-]{1,4}$/)
  .filter((name) => !/^(readonly_)?include$/i.test(name))

const { value } = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    ANY_TEXT,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.record({ pairs: fc.array(fc.tuple(ANY_TEXT, tie('value')), { maxLength: 3 }) }),
  ),
}))
export const VALUE: fc.Arbitrary<Plain> = value

const { body } = fc.letrec<{ body: PlainStatement[]; statement: PlainStatement }>((tie) => ({
  statement: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ setting: NAME, value: VALUE }),
    fc.record({ include: ANY_TEXT.filter((path) => path !== ''), readonly: fc.boolean() }),
    fc.record({ stanza: NAME, instance: fc.option(ANY_TEXT, { nil: undefined }), body: tie('body') }),
  ),
  body: fc.array(tie('statement'), { maxLength: 4 }),
}))
export const BODY: fc.Arbitrary<PlainStatement[]> = body

/** Writes statements in one of the many ways there are: `choose(n)` gives a number below n. */
export class Writer {
  readonly #choose: (below: number) => number

  constructor(choose: (below: number) => number) {
    this.#choose = choose
  }

  body(statements: readonly PlainStatement[]): string {
    let text = ''
    // What ends with a mark needs no blank behind it.
    for (const statement of statements) text += this.#apart(text) + this.#statement(statement)
    return text + this.#apart(text)
  }

  #statement(statement: PlainStatement): string {
    if ('setting' in statement)
      return `${statement.setting}${this.#maybe()}=${this.#inLine()}${this.value(statement.value)}`
    if ('include' in statement)
      return `${statement.readonly ? 'readonly_include' : 'include'}${this.#inLine()}${this.#text(statement.include)}`
    const { stanza, instance, body } = statement
    const head = instance === undefined ? stanza : `${stanza}${this.#inLine()}${this.#text(instance)}`
    return `${head}${this.#maybe()}{${this.body(body)}}`
  }

  value(value: Plain): string {
    if (typeof value === 'string') return this.#text(value)
    const parts = Array.isArray(value)
      ? value.map((item) => this.value(item))
      : value.pairs.map(
          ([name, inner]) => `${this.#text(name)}${this.#maybe()}=${this.#inLine()}${this.value(inner)}`,
        )
    const comma = this.#pick(' ', ' , ', ',', '\n')
    const inside = this.#maybe() + parts.join(comma) + (parts.length > 0 ? this.#pick('', ' ,', '\n') : '')
    return Array.isArray(value) ? `(${inside})` : `[${inside}]`
  }

  #text(text: string): string {
    const bare = text !== '' && /^[A-Za-z0-9_.:;-]+$/.test(text)
    if (bare && this.#choose(2) === 0) return text
    if (!/['\n\r]/.test(text) && this.#choose(2) === 0) return `'${text}'`
    const escaped = text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
    return `"${escaped}"`
  }

  #apart(before: string): string {
    return /(^|["')}\]])$/.test(before) ? this.#pick('', this.#blank()) : this.#blank()
  }

  /** White space or comments. */
  #blank(): string {
    return this.#pick(' ', '\n', '\t', '\r\n', ' # x = { "\n', ' /* } */ ', '\n/*\n*/\n  ')
  }

  #maybe(): string {
    return this.#choose(2) === 0 ? '' : this.#pick(' ', '/* = */', '\t ')
  }

  #inLine(): string {
    return this.#pick(' ', ' /* x */ ', '\t')
  }

  #pick(...texts: string[]): string {
    return texts[this.#choose(texts.length)] as string
  }
}

/** Numbers that look random and come again with the seed. */
export function chooser(seed: number): (below: number) => number {
  let state = seed | 0
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0
    return ((state ^ (state >>> 13)) >>> 0) % below
  }
}
