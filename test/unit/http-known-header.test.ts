import { describe, expect, it } from 'vitest'
import { KNOWN_HEADERS } from '../../lib/backend/protocol'
import { knownHeaderId } from '../../lib/http/known-header'

describe('LS-01 ids of header names', () => {
  it.each(KNOWN_HEADERS.map((name, index) => [name, index + 1] as const))('%s', (name, id) => {
    const spelled = name
      .split('-')
      .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
      .join('-')
    expect(knownHeaderId(name)).toBe(id)
    expect(knownHeaderId(spelled)).toBe(id)
    // A name that was put together is the same name.
    expect(knownHeaderId(Buffer.from(name).toString())).toBe(id)
  })

  it('no other name has one', () => {
    for (const name of [
      '',
      'x',
      'hosts',
      'hos',
      'x-own',
      'hxxt',
      'cookie2',
      'HOST',
      '__proto__',
      '\u212aookie',
    ]) {
      expect(knownHeaderId(name)).toBe(0)
    }
  })
})
