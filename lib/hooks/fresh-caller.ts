import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Script } from 'node:vm'
import type * as valueCaller from './value-caller'
import type * as verdictCaller from './verdict-caller'
import type * as voidCaller from './void-caller'

/** The files that are run afresh, and what they export. */
export interface CallerFiles {
  readonly 'void-caller': typeof voidCaller
  readonly 'value-caller': typeof valueCaller
  readonly 'verdict-caller': typeof verdictCaller
}

type Run = (exports: object) => void

/**
 * The files as they were when this one was loaded: what lies there later may be of another version. Empty where they do not lie beside,
 * bundled into another file, run from TypeScript, or without access to them.
 */
const TEXTS = texts()
const scripts = new Map<keyof CallerFiles, Script>()

/**
 * A copy of a compiled file that nobody else has: V8 learns anew what is called in it, though the code is one. Undefined where that is not
 * possible, so that the shared one serves.
 */
export function freshCopy<F extends keyof CallerFiles>(file: F): CallerFiles[F] | undefined {
  const text = TEXTS[file]
  if (text === undefined) return undefined
  try {
    let script = scripts.get(file)
    if (script === undefined) {
      // No code from strings: this is how Node loads files, and works where eval is not allowed.
      script = new Script(`(function (exports) {${text}\n})`, { filename: pathOf(file) })
      scripts.set(file, script)
    }
    const copy = {}
    ;(script.runInThisContext() as Run)(copy)
    return copy as CallerFiles[F]
  } catch {
    return undefined
  }
}

function texts(): { readonly [F in keyof CallerFiles]?: string | undefined } {
  try {
    if (basename(__filename) !== 'fresh-caller.js') return {}
    const [first, second, third] = (['void-caller', 'value-caller', 'verdict-caller'] as const).map((file) =>
      readFileSync(pathOf(file), 'utf8'),
    )
    return { 'void-caller': first, 'value-caller': second, 'verdict-caller': third }
  } catch {
    return {}
  }
}

function pathOf(file: string): string {
  return join(__dirname, `${file}.js`)
}
