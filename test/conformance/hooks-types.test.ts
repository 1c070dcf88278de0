import { expect, it } from 'vitest'
import { Hooks } from '../../lib'

interface Message {
  readonly id: number
}

/** Compiled with the tests (`npm run types`): a line marked so must be refused, and no other. */
it('refuses providers of another signature, and calls with other arguments (HK-01, HK-21, A-HK-15)', () => {
  const hooks = new Hooks()
  const said = hooks.declareVoid<[message: Message, now: number]>('core', 'said')
  const asked = hooks.declare<[message: Message], number>('core', 'asked', {
    default: 0,
    onReturn: (rv, ret) => {
      if (rv !== 0) ret(rv)
      // @ts-expect-error a rule returns what providers return
      if (rv === 99) ret('text')
    },
  })
  const handle = hooks.declare<[], Message>('core', 'handle', { onReturn: (rv, ret) => ret(rv) })
  const self = { seen: 0 }

  const kept = [
    said.registerLast((own, message, now) => {
      own.seen += message.id + now
    }, self),
    said.registerFirst((own) => ++own.seen, self),
    asked.registerLast((own, message) => own.seen + message.id, self),
    asked.registerLast(async (_, message) => message.id, self),
    handle.registerLast((own) => ({ id: own.seen }), self),
    // @ts-expect-error the message is no text
    said.registerLast((_, message: string) => message, self),
    // @ts-expect-error the closure has no such member
    said.registerLast((own) => own.missing, self),
    // @ts-expect-error a provider has no more arguments than the call
    said.registerLast((_own, _message, _now, more: number) => more, self),
    // @ts-expect-error a number is asked for
    asked.registerLast(() => 'text', self),
    // @ts-expect-error and so in a promise
    asked.registerLast(async () => 'text', self),
    // @ts-expect-error a handle is asked for
    handle.registerLast(() => undefined, self),
    hooks.verdicts.declare('accept').register('slow', async () => 'continue' as const, self),
    // @ts-expect-error this is no verdict
    hooks.verdicts.declare('accept').register('wrong', () => 'maybe', self),
  ]
  for (const registration of kept) expect(registration.unregister()).toBe(true)

  said.call({ id: 1 }, 2)
  const result: number = asked.call({ id: 1 })
  expect(result).toBe(0)
  // @ts-expect-error the time is missing
  said.call({ id: 1 })
  // @ts-expect-error it has no arguments
  expect(() => handle.call(1)).toThrow('no provider')
  // @ts-expect-error the result is a number
  const wrong: string = asked.call({ id: 1 })
  expect(wrong).toBe(0)
  // @ts-expect-error the default is a result
  expect(hooks.declare<[], number>('core', 'other', { default: 'text' }).call()).toBe('text')
})
