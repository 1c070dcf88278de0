import type { CommitResult } from '../config'
import type { AppReload } from './app-options'

/** What a commit says, a line a warning. */
export function summary({ generation, warnings }: CommitResult): AppReload {
  const lines = warnings.map(
    ({ option, place, message }) => `${place === undefined ? '' : `${place}: `}${option}: ${message}`,
  )
  return { generation, warnings: lines }
}
