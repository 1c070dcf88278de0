import { Config, type ConfigSection } from '../../lib'

/** A Config with the text of a file in it. */
export async function configOf(text: string): Promise<Config> {
  const config = new Config()
  await config.loadText(text)
  return config
}

/** A promise that somebody else resolves. */
export function signal(): { readonly promise: Promise<void>; readonly give: () => void } {
  let give = (): void => {}
  const promise = new Promise<void>((resolve) => {
    give = resolve
  })
  return { promise, give }
}

/** Runs what is due now: promise jobs, and one turn of the loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Runs turns of the loop until something holds that each of them may bring; fails where it does not come. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    if (turns === 100_000) throw new Error('what was waited for did not come')
    await turn()
  }
}

/** What became of a promise, as far as that is known. */
export function watch<T>(promise: Promise<T>): { state: 'waits' | 'done' | 'failed' } {
  const watched: { state: 'waits' | 'done' | 'failed' } = { state: 'waits' }
  promise.then(
    () => {
      watched.state = 'done'
    },
    () => {
      watched.state = 'failed'
    },
  )
  return watched
}

/** Every name of several sections, with its instance. */
export function namesOf(sections: Iterable<ConfigSection>): string[] {
  return [...sections].map(({ name, instance }) => (instance === undefined ? name : `${name} ${instance}`))
}

/** The code of the next warning that is about sections. */
export function warning(): Promise<string> {
  return new Promise((resolve) => {
    const look = (given: Error & { code?: string }): void => {
      if (given.code?.startsWith('HEDDLE_SECTION') !== true) return
      process.off('warning', look)
      resolve(given.code)
    }
    process.on('warning', look)
  })
}
