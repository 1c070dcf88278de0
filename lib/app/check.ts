import type { AppFindings, AppOptions } from './app-options'
import { Generation } from './generation'
import { Loader } from './loader'
import { makeParts, type Parts } from './parts'
import { at } from './place'
import { problemsOf } from './problems'
import { type Settings, settingsOf } from './settings'
import { summary } from './summary'
import { loadTcpHandler } from './tcp-service'
import { withLines } from './with-lines'

/**
 * See `App.check`. What is wrong at one stage does not hide what is wrong at the next: values, stanzas, modules and handlers
 * are looked at whatever the others are like.
 */
export async function checkConfiguration(options: AppOptions): Promise<AppFindings> {
  /** By their first lines: one that was met twice may have shown its line once. */
  const problems = new Map<string, string>()
  const note = (error: unknown): void => {
    for (const problem of problemsOf(error)) {
      const [head = ''] = problem.split('\n', 1)
      if ((problems.get(head)?.length ?? 0) < problem.length) problems.set(head, problem)
    }
  }
  let seen: Generation | undefined
  let settings: Settings | undefined
  let warnings: readonly string[] = []
  try {
    const parts = await makeParts(options, {
      failed: () => {},
      look: (txn, slots) => {
        seen = new Generation(txn, parts.file)
        settings = settingsOf(seen, slots)
      },
    })
    for (const problem of parts.modules.problems()) note(problem)
    warnings = await tried(parts, note)
    for (const problem of [...parts.follower.strangers, ...(seen?.problems ?? [])]) note(problem)
    if (settings !== undefined) await handlersOf(settings, note)
  } catch (error) {
    note(error)
  }
  return { problems: withLines([...problems.values()]), warnings }
}

/** Sets all up as a start does, and ends it; the warnings. */
async function tried({ config, modules }: Parts, note: (error: unknown) => void): Promise<readonly string[]> {
  try {
    return summary(await config.reload()).warnings
  } catch (error) {
    note(error)
    return []
  } finally {
    await modules.close()
  }
}

/** Handlers that are not there, or are none; those for workers are looked at here as well. */
async function handlersOf({ http, tcp }: Settings, note: (error: unknown) => void): Promise<void> {
  const loader = new Loader()
  const loading: Promise<unknown>[] = tcp.map((settings) =>
    at(settings.place, loadTcpHandler(settings, loader)),
  )
  for (const { place, handler } of [...http, ...http.flatMap(({ routes }) => routes)])
    if (handler !== undefined) loading.push(at(place, loader.loadFunction(handler)))
  for (const result of await Promise.allSettled(loading))
    if (result.status === 'rejected') note(result.reason)
}
