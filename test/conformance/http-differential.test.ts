import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { capabilities } from '../../lib'
import { CASES, type Case } from '../differential/cases'
import { type Outcome, observe, type Subject } from '../differential/exchange'
import { everyByte, generated } from '../differential/generated'
import { heddleSubject } from '../differential/heddle-subject'
import { nodeSubject } from '../differential/node-subject'

// Held here, over real sockets: what a server must accept, we do; what it must refuse, we do; what we refuse, RFC
// 9112 allows to refuse; and what node:http takes as well, it takes for the same.

const SEED = Number(process.env.HEDDLE_SEED ?? 1)

let heddle: Subject
let node: Subject

beforeAll(async () => {
  heddle = await heddleSubject()
  node = await nodeSubject()
})

afterAll(async () => {
  await heddle.close()
  await node.close()
})

function bytesOf({ bytes }: Case): Buffer {
  return Buffer.from(bytes, 'latin1')
}

/** What is wrong with our verdict, or nothing. */
function fault({ verdict, requests }: Case, { seen, refusal }: Outcome): string | undefined {
  const got = `${seen.length} delivered, refused with ${refusal}`
  if (verdict === 'accept' && (seen.length !== requests || refusal !== null)) return `not accepted: ${got}`
  if (verdict === 'must-refuse' && (seen.length !== requests || refusal === null))
    return `not refused: ${got}`
  // What follows a refusal must never be taken for a request.
  if (verdict === 'may-refuse' && refusal !== null && seen.length > requests) return `refused late: ${got}`
  return undefined
}

async function compare(each: Case): Promise<void> {
  const ours = await observe(heddle, bytesOf(each))
  expect(fault(each, ours)).toBeUndefined()
  const theirs = await observe(node, bytesOf(each))
  const both = Math.min(ours.seen.length, theirs.seen.length)
  expect(ours.seen.slice(0, both)).toEqual(theirs.seen.slice(0, both))
}

/** All cases of a generated set; the first that fails is shown with its bytes. */
async function compareAll(cases: readonly Case[]): Promise<void> {
  for (const each of cases) {
    await compare(each).catch((error: Error) => {
      throw new Error(`${each.name} (seed ${SEED}): ${JSON.stringify(each.bytes)}: ${error.message}`)
    })
  }
}

it('judges the parser of the backend that was asked for', () => {
  expect(capabilities().backend).toBe(process.env.HEDDLE_BACKEND ?? 'native')
})

describe('hand-made requests, against node:http and RFC 9112', () => {
  it.each(CASES.map((each) => [each.verdict, each.name, each] as const))('%s: %s', (_, _name, each) =>
    compare(each),
  )
})

describe('hand-made requests in two pieces', () => {
  it.each(CASES.map((each) => [each.verdict, each.name, each] as const))('%s: %s', async (_, _name, each) => {
    const bytes = bytesOf(each)
    const whole = await observe(heddle, bytes)
    const middle = bytes.length >>> 1
    const split = await observe(heddle, bytes.subarray(0, middle), bytes.subarray(middle))
    expect(split).toEqual(whole)
  })
})

describe('generated requests, against node:http and RFC 9112', () => {
  it('every byte in a name, a value and the target', () => compareAll(everyByte()))

  it('random heads, heads with one byte changed, bodies in both framings', () =>
    compareAll(generated(SEED, 150)))
})
