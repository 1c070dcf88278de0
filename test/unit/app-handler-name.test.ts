import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { handlerTarget } from '../../lib/app/handler-name'
import { Loader } from '../../lib/app/loader'
import { at, described, placed } from '../../lib/app/place'
import { HeddleError } from '../../lib/errors'
import { temporaryFolder } from '../temporary-folder'

describe('names of handlers', () => {
  it.each([
    ['./a.mjs#b', 'file:///conf/a.mjs', 'b'],
    ['../a.mjs', 'file:///a.mjs', 'default'],
    ['/x/a.mjs#b', 'file:///x/a.mjs', 'b'],
    ['file:///x/a.mjs#b', 'file:///x/a.mjs', 'b'],
    ['./a#1/b.mjs', 'file:///conf/a%231/b.mjs', 'default'],
    ['./a#1/b.mjs#c', 'file:///conf/a%231/b.mjs', 'c'],
    ['./with space#1.mjs#b', 'file:///conf/with%20space%231.mjs', 'b'],
  ])('%s is an export of a module beside the configuration', (text, module, name) => {
    expect(handlerTarget(text, '/conf')).toEqual({ module, export: name })
  })

  it('finds modules of packages from the folder of the configuration', () => {
    const { module } = handlerTarget('find-my-way', __dirname)
    expect(module).toMatch(/^file:.*node_modules\/find-my-way\//)
    expect(() => handlerTarget('no-such-package-anywhere#x', __dirname)).toThrow(/no-such-package-anywhere/)
  })

  it.each(['', '#x', './a.mjs#'])('refuses %j', (text) => {
    expect(() => handlerTarget(text, '/conf')).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
  })
})

describe('what a configuration names', () => {
  const written = (text: string) => {
    const file = join(temporaryFolder(), 'x.mjs')
    writeFileSync(file, text)
    return { module: pathToFileURL(file).href, export: 'x' }
  }

  it('is loaded, or is given up where that does not come to an end', async () => {
    const loader = new Loader()
    expect(await loader.load(written('export const x = 5'))).toBe(5)
    await expect(loader.load(written('export const y = 5'))).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    })
    await expect(new Loader(20).load(written('await new Promise(() => {})'))).rejects.toMatchObject({
      code: 'ETIME',
    })
    await expect(loader.loadFunction(written('export const x = 5'))).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    })
  })

  it.each(['x.mjs', 'x.cjs'])(
    'is read again when it has failed, and says in which file: %s',
    async (name) => {
      const file = join(temporaryFolder(), name)
      const target = { module: pathToFileURL(file).href, export: 'x' }
      const write = (value: string): void =>
        writeFileSync(file, name === 'x.mjs' ? `export const x = ${value}` : `exports.x = ${value}`)
      const loader = new Loader()
      await expect(loader.load(target)).rejects.toMatchObject({ message: expect.stringContaining(file) })
      write('{')
      await expect(loader.load(target)).rejects.toMatchObject({
        message: expect.stringContaining(`${file}: `),
      })
      write('{}')
      const loaded = await loader.load(target)
      expect(loaded).toEqual({})
      expect(await loader.load(target)).toBe(loaded)
    },
  )

  it('is waited for no longer, and not loaded, when the application ends', async () => {
    const loader = new Loader()
    const loading = loader.load(written('await new Promise(() => {})'))
    loader.close()
    await expect(loading).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(loader.load(written('export const x = 5'))).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })
})

describe('failures with their place', () => {
  it('keep code and cause and say where, in one line, once', async () => {
    const cause = new HeddleError('EADDRINUSE', 'taken\nmore')
    const error = placed('app.conf:3', cause)
    expect(error).toMatchObject({ code: 'EADDRINUSE', message: 'app.conf:3: taken', cause })
    expect(placed('app.conf:3', error).message).toBe('app.conf:3: taken')
    await expect(at('app.conf:4', Promise.reject(cause))).rejects.toThrow('app.conf:4: taken')
  })

  it('trust nothing of what was thrown', () => {
    const hostile = Object.defineProperties(new Error('x'), {
      message: {
        get() {
          throw new Error('no')
        },
      },
      code: {
        get() {
          throw new Error('no')
        },
      },
    })
    expect(placed('p', hostile)).toMatchObject({ code: 'ERR_APP', cause: hostile })
    expect(placed('p', undefined).message).toBe('p: undefined')
    expect(described(Object.create(null))).toMatch(/cannot be shown/)
  })
})
