import { Aco } from './aco'

export type { AcoStartOptions, AcoStats } from './aco'
export { Aco } from './aco'
export type { Accepted, AcoEvent } from './aco-event'
export { type Adoptable, type Adopted, kAdopt, kCoroutine, kRelease } from './adopt'
export { type AcoFunction, Coroutine, type CoroutineInfo } from './coroutine'
export { AcoSection } from './coroutine-section'
export type { ResumeReport } from './watchers'
export { type AcoWaitOptions, type CoroutineState, WaitPoint } from './wait-point'

/** Coroutines of this isolate. */
export const aco: Aco = new Aco()
