/**
 * The tree that a configuration's text becomes. It is concrete: each node knows which part of which text it is, so
 * that a change can be written back without touching what lies around it. Plain data, nobody owns it, and whoever
 * has it reads it only; a changed configuration is a new text. Names keep their spelling; `key` is what they are
 * compared by.
 */

/** Where something stands in a text. Lines and columns count from 1, offsets from 0, both in UTF-16 units. */
export interface Place {
  /** The name that the text was parsed under: the path of a file, or a word in angle brackets. */
  readonly file: string
  readonly line: number
  readonly column: number
  readonly start: number
  /** After the last character. */
  readonly end: number
}

/** A single value. `text` is what it means, `raw` how it was written. (CF-29) */
export interface ScalarNode extends Place {
  readonly kind: 'scalar'
  readonly text: string
  readonly raw: string
  readonly quoted: boolean
}

/** `( a "b c" d )` (CF-11) */
export interface ArrayNode extends Place {
  readonly kind: 'array'
  readonly items: readonly ValueNode[]
}

/** One `name = value` of a dictionary. The name may be any text, and is compared as it is. */
export interface EntryNode extends Place {
  readonly kind: 'entry'
  readonly name: string
  readonly value: ValueNode
}

/** `[ a = 1 b = 2 ]`, in the order of the text. A name that comes twice is there twice. (CF-12) */
export interface DictionaryNode extends Place {
  readonly kind: 'dictionary'
  readonly entries: readonly EntryNode[]
}

/** What stands behind an equals sign. */
export type ValueNode = ScalarNode | ArrayNode | DictionaryNode

/** `name = value` */
export interface SettingNode extends Place {
  readonly kind: 'setting'
  readonly name: string
  /** The name in lower case. */
  readonly key: string
  readonly value: ValueNode
}

/** `name { … }` or `name "instance" { … }` */
export interface StanzaNode extends Place {
  readonly kind: 'stanza'
  readonly name: string
  /** The name in lower case. */
  readonly key: string
  /** Undefined where none is written; it keeps its case, and is compared with it. */
  readonly instance: string | undefined
  readonly body: readonly StatementNode[]
  /** Offset after the opening brace. */
  readonly bodyStart: number
  /** Offset of the closing brace. */
  readonly bodyEnd: number
}

/** `include "path"` or `readonly_include "path"`. What it brings in is known when it was loaded. (CF-30) */
export interface IncludeNode extends Place {
  readonly kind: 'include'
  readonly readonly: boolean
  /** As it is written. */
  readonly path: string
}

/** What a file, or the braces of a stanza, can hold. */
export type StatementNode = SettingNode | StanzaNode | IncludeNode

/** One text. */
export interface ConfigTree {
  readonly file: string
  readonly text: string
  readonly body: readonly StatementNode[]
}
