import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { RequestReader } from '../../builtin-jobs'
import { answerOf, asFailure, failure, type NativeAnswer, NativeFailure } from './builtin-twin'

/** The number that libuv has for a name that is not known, on every system. */
const NO_NAME = -3008

/** Names of hosts as the system resolves them, in its order. */
export async function lookUp(input: Uint8Array): Promise<NativeAnswer> {
  const request = new RequestReader(input)
  const host = request.text()
  const family = request.number()
  if (!request.ok || (family !== 0 && family !== 4 && family !== 6)) throw failure('EINVAL')
  // Node answers an address, and an empty name, without asking the system, which refuses both kinds of mistake.
  const given = isIP(host)
  if (host === '' || (given !== 0 && family !== 0 && given !== family)) throw new NativeFailure(NO_NAME)
  try {
    const found = await lookup(host, { all: true, family, verbatim: true })
    const entries = found.map(({ address, family: of }) =>
      Buffer.from([of, address.length, ...Buffer.from(address)]),
    )
    return answerOf(Buffer.concat(entries))
  } catch (error) {
    throw asFailure(error)
  }
}
