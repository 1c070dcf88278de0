import { setImmediate as turn } from 'node:timers/promises'
import { Control } from '../../lib/control'
import { socketFolder } from '../temporary-folder'

const folder = socketFolder()
let made = 0

/** A path for a socket of one test. */
export function socketPath(): string {
  return `${folder}/${++made}`
}

/** Settles when told to. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** Commands that a test needs: say, wait (until the gate opens), fail, big (so many bytes). */
export function testControl(options?: ConstructorParameters<typeof Control>[0]) {
  const control = new Control(options)
  const held = gate()
  const begun = gate()
  const ran: string[] = []
  control.register('say', (_response, { rest }) => {
    ran.push(rest)
    return `${rest}\n`
  })
  control.register('wait', async (response, { signal }) => {
    response.push('first half, ')
    begun.open()
    await held.opened
    ran.push(`wait over, ${signal.aborted ? 'left' : 'there'}`)
    response.push('second half\n')
  })
  control.register('fail', () => {
    throw new Error('as told')
  })
  control.register('big', (_response, { words }) => 'x'.repeat(Number(words[0])))
  return { control, held, begun, ran }
}

/** Looks again after each pass of the loop; the test's own limit ends what never comes. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}
