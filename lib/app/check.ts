import type { LocatedTarget } from '../jobq/targets'
import type { AppFindings, AppOptions } from './app-options'
import { Loader } from './loader'
import { makeParts } from './parts'
import { placed } from './place'
import { problemsOf } from './problems'
import type { Settings } from './settings'
import { summary } from './summary'

/** See `App.check`. */
export async function checkConfiguration(options: AppOptions): Promise<AppFindings> {
  try {
    const { config, follower, modules } = await makeParts(options, () => {})
    const manifests = modules.problems().map(({ message }) => message)
    try {
      const { warnings } = summary(await config.reload())
      return { warnings, problems: [...manifests, ...(await handlerProblems(follower.settings))] }
    } catch (error) {
      return { warnings: [], problems: [...manifests, ...problemsOf(error)] }
    } finally {
      await modules.close()
    }
  } catch (error) {
    return { warnings: [], problems: problemsOf(error) }
  }
}

/** Handlers that are not there; those for workers are looked at here as well. */
async function handlerProblems({ http, tcp }: Settings): Promise<string[]> {
  const named: { readonly place: string; readonly handler: LocatedTarget | undefined }[] = [
    ...http,
    ...http.flatMap(({ routes }) => routes),
    ...tcp,
  ]
  const loader = new Loader()
  const found = await Promise.all(
    named.map(async ({ place, handler }) => {
      try {
        if (handler !== undefined) await loader.load(handler)
        return []
      } catch (error) {
        return [placed(place, error).message]
      }
    }),
  )
  return found.flat()
}
