import { expect, it } from 'vitest'
import { Config } from '../../lib/config'
it('reads options through fallback, generation by generation (CF-01, CF-20, CF-26)', async () => {
  const config = new Config()
  const limit = config.registerOption({
    name: 'Limit',
    type: 'int',
    fallback: 'Binding:Domain>Domain>Global',
    default: '3',
  })
  expect(config.value(limit)).toBe(3)
  await config.loadText(
    'limit = 5\nDomain "foo.com" { limit = 6 }\nBinding "b" { Domain "foo.com" { LIMIT = 7 } }',
  )
  expect(config.generation).toBe(1)
  expect(config.value(limit)).toBe(5)
  expect(config.value(limit, { domain: 'Foo.com' })).toBe(6)
  expect(config.value(limit, { domain: 'foo.com', binding: 'b' })).toBe(7)
  expect(config.value(limit, { domain: 'bar.com', binding: 'b' })).toBe(5)
  const s = config.snapshot()
  await config.transaction((t) => t.set('Global.limit', 9))
  expect(s.value(limit)).toBe(5)
  expect(config.liveGenerations()).toEqual([1, 2])
  s.release()
  expect(config.liveGenerations()).toEqual([2])
  await expect(config.transaction((t) => t.set('Limit', 'x'))).rejects.toMatchObject({
    code: 'ERR_CONFIG_VALUE',
  })
  expect(config.value(limit)).toBe(9)
})
