import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Config, type ConfigOverride } from '../../lib/config'
import { temporaryFolder } from '../temporary-folder'

function configWith(overrides: readonly ConfigOverride[], text: string) {
  const file = join(temporaryFolder(), 'app.conf')
  writeFileSync(file, text)
  const config = new Config({ file, overrides })
  const limit = config.registerOption({ name: 'Limit', type: 'int', fallback: 'Domain>Global', default: '1' })
  const names = config.registerOption({
    name: 'Names',
    type: 'string',
    fallback: 'Global',
    flags: { isArray: true },
  })
  return { config, limit, names, file }
}

describe('options that are set from outside (CX-20)', () => {
  it('win over the file, at each reload, until a transaction says otherwise', async () => {
    const { config, limit, names, file } = configWith(
      [
        { path: 'Limit', text: '5' },
        { path: 'Domain:foo.com.Limit', text: '6' },
        { path: 'Names', text: '( a "b c" )' },
      ],
      'Limit = 2',
    )
    await config.reload()
    expect(config.value(limit)).toBe(5)
    expect(config.value(limit, { domain: 'foo.com' })).toBe(6)
    expect(config.value(names)).toEqual(['a', 'b c'])
    expect(config.locate('Limit')[0]).toEqual({ path: 'Global.Limit', origin: '<command line>' })
    expect(config.dirty).toBe(false)
    await config.transaction((txn) => txn.set('Limit', 7))
    expect(config.value(limit)).toBe(7)
    writeFileSync(file, 'Limit = 3')
    await config.reload()
    expect(config.value(limit)).toBe(5)
  })

  it.each([
    [{ path: 'Limit', text: 'many' }, 'ERR_CONFIG_VALUE'],
    [{ path: '.', text: '1' }, 'ERR_CONFIG_PATH'],
    [{ path: 'Names', text: '( a' }, 'ERR_CONFIG_SYNTAX'],
  ])('fail a load when they are wrong: %j', async (override, code) => {
    const { config } = configWith([override], 'Limit = 2')
    await expect(config.reload()).rejects.toMatchObject({
      code,
      message: expect.stringContaining('<command line>'),
    })
    expect(config.generation).toBe(0)
  })

  it('are checked, and copied', () => {
    for (const overrides of [null, 'x', [null], [{ path: 1, text: '' }], [{ path: 'a' }]])
      expect(() => new Config({ overrides: overrides as never })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
      )
  })
})
