import type { JobQueueSettings } from '../../jobs'

/** What a queue was told last. */
export type Settings = Required<Omit<JobQueueSettings, 'spawn'>>
