import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { adopt, connect, createServer, listen } from '../../lib/servers'
import { Eventer } from '../../lib/eventer'

/** What TypeScript would refuse, as a program in JavaScript may give it. */
const any = (value: unknown) => value as never

let eventer: Eventer
beforeAll(async () => {
  eventer = await Eventer.init()
  eventer.start()
})
afterAll(() => eventer[Symbol.asyncDispose]())

const server = () => createServer(() => {})

/** Call, and the whole message: it must name the argument, what it should be, and what came. */
const MISTAKES: [string, () => unknown, string][] = [
  ['a port as text', () => listen({ port: any('8080') }), "a port is an integer from 0 to 65535, not '8080'"],
  [
    'a port as long text',
    () => listen({ port: any('8'.repeat(10_000)) }),
    `a port is an integer from 0 to 65535, not '${'8'.repeat(100)}…'`,
  ],
  [
    'a bare port',
    () => listen(any(8080)),
    'listen takes an object of options such as { port: 8080 }, not 8080',
  ],
  [
    'a bare port for a server',
    () => server().listen(any(8080)),
    'server.listen takes an object of options such as { port: 8080 }, not 8080',
  ],
  [
    'no options',
    () => listen(any(undefined)),
    'listen takes an object of options such as { port: 8080 }, not undefined',
  ],
  ['no port', () => connect({}), 'connect needs a port from 1 to 65535, or a path, not undefined'],
  ['an empty host', () => listen({ host: '' }), "host is a text that is not empty, not ''"],
  ['a host that is a number', () => listen({ host: any(5) }), 'host is a text that is not empty, not 5'],
  [
    'a time with a unit',
    () => listen({ port: 0, idleTimeout: any('5s') }),
    "idleTimeout is an integer from 0 to 2147483647, not '5s'",
  ],
  ['a yes', () => listen({ port: 0, noDelay: any('yes') }), "noDelay is true or false, not 'yes'"],
  [
    'the eventer as loop',
    () => listen({ loop: any(eventer) }),
    'loop is a loop of an eventer, for example eventer.loops[0], not an object',
  ],
  [
    'callbacks that are a function',
    () =>
      listen(
        { port: 0 },
        any(() => {}),
      ),
    'listen takes an object of callbacks, not a function',
  ],
  [
    'a callback that is none',
    () => listen({ port: 0 }, { onData: any('x') }),
    "onData is a function, not 'x'",
  ],
  [
    'a signal that is none',
    () => connect({ port: 1, signal: any({}) }),
    'signal is an AbortSignal, not an object',
  ],
  ['a descriptor as text', () => adopt(any('x')), "adopt takes a descriptor, not 'x'"],
  [
    'a server of a number',
    () => createServer(any(5)),
    'createServer takes an object of options such as { maxBodyBytes: 65536 }, not 5',
  ],
  ['a handler that is none', () => createServer({}, any([])), 'the handler is a function, not an array'],
  ['a hook that is none', () => createServer({ onError: any(1) }), 'onError is a function, not 1'],
  [
    'a route without a handler',
    () => createServer().route('GET', '/x', any(undefined)),
    'the handler of GET /x is a function, not undefined',
  ],
]

describe('a wrong argument is named in one line', () => {
  it.each(MISTAKES)('%s', async (_what, call, message) => {
    await expect((async () => call())()).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message })
  })

  it('EV-01 TM-01 of an eventer too', async () => {
    const codes = [
      () => eventer.timerIn(any('5'), () => 0),
      () => eventer.timerAt(any(undefined), () => 0),
      () => eventer.sleep(any('x')),
      () => Eventer.init(any(null)),
    ].map((call) => expect((async () => call())()).rejects.toMatchObject({ code: 'EINVAL' }))
    await Promise.all(codes)
  })

  it('and an option that does not exist warns once', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => void warnings.push(warning)
    process.on('warning', onWarning)
    const options = { port: 0, prot: 1 }
    for (let n = 0; n < 2; n++) await (await listen(options)).close()
    await new Promise(setImmediate)
    process.off('warning', onWarning)
    expect(warnings.map(({ message }) => message)).toEqual(['listen knows no option "prot", it is ignored'])
  })
})
