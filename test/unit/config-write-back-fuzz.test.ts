import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  type Change,
  loadConfig,
  type LoadedStatement,
  parseValue,
  type ScopeStep,
  writeBack,
} from '../../lib/config/syntax'
import { HeddleError } from '../../lib/errors'
import { chooser, plainOf, type Plain, type PlainStatement, VALUE, Writer } from './config-play'

/** What a configuration says, whatever files say it: the settings of each stanza by the way to it. */
type Meaning = Map<string, Map<string, Plain>>

const NAMES = fc.constantFrom('a', 'b', 'A')
const STEP = fc.record({ name: fc.constantFrom('S', 's', 'T'), instance: fc.constantFrom('x', undefined) })
const SCOPE = fc.array(STEP, { maxLength: 2 })
/** Mostly what can stand without quotation marks: that is what runs into its neighbours. */
const SHORT: fc.Arbitrary<Plain> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('1', '22') },
  { weight: 1, arbitrary: VALUE },
)
const NODE = fc
  .tuple(SHORT, fc.nat())
  .map(([value, seed]) => parseValue(new Writer(chooser(seed)).value(value)))
const { body: BODY } = fc.letrec<{ body: PlainStatement[]; statement: PlainStatement }>((tie) => ({
  statement: fc.oneof(
    { depthSize: 'small' },
    fc.record({ setting: NAMES, value: SHORT }),
    STEP.chain(({ name, instance }) =>
      fc.record({ stanza: fc.constant(name), instance: fc.constant(instance), body: tie('body') }),
    ),
  ),
  body: fc.array(tie('statement'), { maxLength: 5 }),
}))
const CHANGE: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      scope: SCOPE,
      name: NAMES,
      value: NODE,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('unset' as const), scope: SCOPE, name: NAMES }) },
  fc.record({ kind: fc.constant('create' as const), scope: SCOPE }),
  fc.record({ kind: fc.constant('remove' as const), scope: fc.array(STEP, { minLength: 1, maxLength: 2 }) }),
)

function wayOf(scope: readonly ScopeStep[]): string {
  return scope.map(({ name, instance }) => `/${name.toLowerCase()}[${instance ?? ''}]`).join('')
}

function meaningOf(body: readonly LoadedStatement[], way = '', meaning: Meaning = new Map()): Meaning {
  const settings = stanzaOf(meaning, way)
  for (const node of body) {
    if (node.kind === 'setting') settings.set(node.key, plainOf(node.value))
    else meaningOf(node.body as readonly LoadedStatement[], way + wayOf([node]), meaning)
  }
  return meaning
}

function stanzaOf(meaning: Meaning, way: string): Map<string, Plain> {
  const settings = meaning.get(way) ?? new Map<string, Plain>()
  meaning.set(way, settings)
  return settings
}

function enter(meaning: Meaning, scope: readonly ScopeStep[]): Map<string, Plain> {
  for (let depth = 0; depth < scope.length; depth++) stanzaOf(meaning, wayOf(scope.slice(0, depth)))
  return stanzaOf(meaning, wayOf(scope))
}

function change(meaning: Meaning, made: Change): void {
  const way = wayOf(made.scope)
  if (made.kind === 'set') enter(meaning, made.scope).set(made.name.toLowerCase(), plainValueOf(made.value))
  else if (made.kind === 'unset') meaning.get(way)?.delete(made.name.toLowerCase())
  else if (made.kind === 'create') enter(meaning, made.scope)
  else for (const known of meaning.keys()) if (`${known}/`.startsWith(`${way}/`)) meaning.delete(known)
}

function plainValueOf(value: (Change & { kind: 'set' })['value']): Plain {
  return plainOf(value as ReturnType<typeof parseValue>)
}

it('writes changes so that files say what they should, and only that (CF-31, A-CF-21)', async () => {
  const seeds = fc.array(fc.nat(), { minLength: 4, maxLength: 4 })
  const changes = fc.array(CHANGE, { minLength: 1, maxLength: 5 })
  const property = fc.asyncProperty(fc.array(BODY, { minLength: 4, maxLength: 4 }), seeds, changes, check)
  await fc.assert(property, { numRuns: 1000 })
})

async function check(bodies: PlainStatement[][], seeds: number[], changes: Change[]): Promise<void> {
  const files = filesOf(bodies, seeds)
  const before = await load(files)
  const meaning = meaningOf(before.body)
  const written = attempt(() => writeBack(before, changes))
  if (written === undefined) return
  for (const { path, text, expected } of written) {
    expect(path).not.toBe('/readonly')
    expect(files.get(path)).toBe(expected)
    files.set(path, text)
  }
  for (const made of changes) change(meaning, made)
  expect(meaningOf((await load(files)).body)).toEqual(meaning)
}

/** A main file that includes a file, at its top or in a stanza, and one that is never written; and local changes. */
function filesOf(bodies: PlainStatement[][], seeds: number[]): Map<string, string> {
  const texts = bodies.map((body, index) => new Writer(chooser(seeds[index] as number)).body(body))
  const [main = '', included = '', readonly = '', local = ''] = texts
  const include = (seeds[0] as number) % 2 === 0 ? 'include "/included"' : 'S x { include "/included"\n}'
  return new Map([
    ['/main', `readonly_include "/readonly"\n${main}\n${include}`],
    ['/included', included],
    ['/readonly', readonly],
    ['/local', local],
  ])
}

function load(files: ReadonlyMap<string, string>) {
  return loadConfig('/main', {
    localChangesFile: '/local',
    read: async (path) => ({ kind: 'file', realPath: path, text: files.get(path) as string }),
  })
}

/** Undefined where something would have to be taken out of the file that is never written. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof HeddleError && error.code === 'ERR_CONFIG_READONLY') return undefined
    throw error
  }
}
