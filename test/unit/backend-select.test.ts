import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Backend } from '../../lib/backend/backend'

type Select = typeof import('../../lib/backend/select')

/** A fresh isolate's view: the choice is made once per load of the module. */
async function fresh(env: Record<string, string>): Promise<Select> {
  vi.resetModules()
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  return import('../../lib/backend/select')
}

let stderr: string[]

beforeEach(() => {
  stderr = []
  vi.stubEnv('HEDDLE_BACKEND', '')
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => stderr.push(String(text)) > 0)
})

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

describe('choosing the backend (PK-02)', () => {
  it('takes the JavaScript one silently when asked to, once per isolate', async () => {
    const { selectBackend } = await fresh({ HEDDLE_BACKEND: 'js' })
    const backend: Backend = selectBackend()
    expect(backend.capabilities.backend).toBe('js')
    expect(selectBackend()).toBe(backend)
    expect(stderr).toEqual([])
  })

  it('falls back to it with one line on stderr that names what was tried', async () => {
    const { selectBackend } = await fresh({ HEDDLE_NATIVE: '/nowhere/heddle.node' })
    expect(selectBackend().capabilities.backend).toBe('js')
    expect(selectBackend().capabilities.backend).toBe('js')
    expect(stderr).toHaveLength(1)
    expect(stderr[0]).toMatch(
      /^heddle: using the pure-JavaScript backend: .*\/nowhere\/heddle\.node: not there\n$/,
    )
  })

  it('fails instead when the native one was demanded', async () => {
    const { selectBackend } = await fresh({ HEDDLE_BACKEND: 'native', HEDDLE_NATIVE: __filename })
    expect(() => selectBackend()).toThrow(
      expect.objectContaining({
        code: 'ERR_NATIVE_REQUIRED',
        message: expect.stringMatching(`${process.platform}-${process.arch}.*backend-select\\.test\\.ts: `),
      }),
    )
  })

  it('refuses a name it does not know', async () => {
    const { selectBackend } = await fresh({ HEDDLE_BACKEND: 'rust' })
    expect(() => selectBackend()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })

  it('can be bound to JavaScript by the program', async () => {
    const { selectBackend, selectJsBackend } = await fresh({ HEDDLE_NATIVE: '/nowhere/heddle.node' })
    selectJsBackend()
    expect(selectBackend().capabilities.backend).toBe('js')
    expect(() => selectJsBackend()).not.toThrow()
    expect(stderr).toEqual([])
  })
})

describe('the native core (PK-01)', () => {
  it('is what a checkout uses by default, and is then not left for JavaScript', async () => {
    const { selectBackend, selectJsBackend } = await fresh({})
    expect(selectBackend().capabilities).toMatchObject({ backend: 'native' })
    expect(() => selectJsBackend()).toThrow(expect.objectContaining({ code: 'ERR_TOO_LATE' }))
  })
})
