import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { freshCopy as fromSource } from '../../lib/hooks/fresh-caller'

const load = createRequire(__filename)
const FOLDER = join(__dirname, '../../dist/hooks')
const { freshCopy } = load(join(FOLDER, 'fresh-caller.js')) as { freshCopy: typeof fromSource }

describe('copies of the compiled callers', () => {
  it('is another one each time, and leaves the cache of require as it was', () => {
    const path = join(FOLDER, 'void-caller.js')
    const shared = load(path)
    const cached = load.cache[path]
    const [one, two] = [freshCopy('void-caller'), freshCopy('void-caller')]
    expect(one?.CALLERS).toHaveLength(7)
    expect(two?.CALLERS).toHaveLength(7)
    expect(new Set([shared.CALLERS, one?.CALLERS, two?.CALLERS]).size).toBe(3)
    expect(load.cache[path]).toBe(cached)
    delete load.cache[path]
    expect(freshCopy('void-caller')).toBeDefined()
    expect(load.cache[path]).toBeUndefined()
  })

  it('is none where the compiled file does not lie beside, so that the shared one serves', () => {
    expect(fromSource('value-caller')).toBeUndefined()
  })
})
