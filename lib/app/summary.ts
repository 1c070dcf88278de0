import type { CommitResult } from '../config'
import { warningText } from '../console'
import type { AppReload } from './app-options'

/** What a commit says, a line a warning. */
export function summary({ generation, warnings }: CommitResult): AppReload {
  return { generation, warnings: warnings.map(warningText) }
}
