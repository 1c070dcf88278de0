import { expect, it } from 'vitest'
import { Draft } from '../../lib/config/draft'
import { emptyNode, sealed } from '../../lib/config/tree'

const ORIGIN = { file: 'app.conf', line: 1, column: 1 }

it('removes one of more stanzas than a call has arguments (CF-28)', () => {
  const many = 200_000
  const root = emptyNode(ORIGIN)
  const same = sealed(emptyNode(ORIGIN, 'x', 'a'))
  for (let i = 0; i < many; i++) root.children.push(same)
  root.children.push(sealed(emptyNode(ORIGIN, 'Domain', 'x')))
  const draft = new Draft(sealed(root))
  expect(draft.remove([{ name: 'Domain', type: 'domain', instance: 'x' }])).toBe(true)
  expect([draft.root.children.length, root.children.length]).toEqual([many, many + 1])
})
