import { describe, expect, it } from 'vitest'
import { Hooks } from '../../lib'

describe('calls', () => {
  it('runs firsts newest first, then lasts oldest first (HK-03, A-HK-1)', () => {
    const hook = new Hooks().declareVoid('mod', 'order')
    const seen: string[] = []
    const note = (closure: string): void => void seen.push(closure)
    hook.registerFirst(note, 'A')
    hook.registerFirst(note, 'B')
    hook.registerLast(note, 'C')
    hook.registerLast(note, 'D')
    hook.call()
    expect(seen).toEqual(['B', 'A', 'C', 'D'])
  })
})
