import { describe, expect, it } from 'vitest'
import { Handles, NO_HANDLE } from '../../lib/jobq/handles'

describe('handles of jobs', () => {
  it('JQ-01 name one thing each, through all their generations, of which half are negative', () => {
    const handles = new Handles()
    const seen = new Set<number>()
    for (let n = 0; n < 256; n++) {
      const handle = handles.open()
      expect(handle).not.toBe(NO_HANDLE)
      expect(seen.has(handle)).toBe(false)
      for (const old of seen) expect(handles.find(old)).toBe(-1)
      expect(handles.find(handle)).toBe(0)
      seen.add(handle)
      handles.close(0)
    }
    expect([...seen].some((handle) => handle < 0)).toBe(true)
  })
})
