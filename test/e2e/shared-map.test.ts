import { describe, expect, it } from 'vitest'
import { Program } from './program'

describe('the example of a shared map', () => {
  it.each(['native', 'js'])(
    'serves every page from one cache, on the %s backend (SM-09)',
    async (backend) => {
      const program = new Program(['examples/shared-map.mjs'], { HEDDLE_BACKEND: backend })
      try {
        expect([await program.exit(), program.stderr]).toEqual([0, ''])
        expect(program.stdout).toBe('300 requests to 3 threads, 20 pages made, 20 seen\n')
      } finally {
        await program.stop()
      }
    },
  )
})
