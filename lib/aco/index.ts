import { Aco } from './aco'

export type { AcoStartOptions, AcoStats } from './aco'
export { Aco } from './aco'
export { AcoDescriptor, type DescriptorRef } from './aco-descriptor'
export type { Accepted, AcoEvent } from './aco-event'
export { AcoStream } from './aco-stream'
export { type Adoptable, type Adopted, kAdopt, kCoroutine, kRelease } from './adopt'
export type { AcoAsynchOptions } from './asynch'
export type { AsynchPhase, AsynchPlace } from './asynch-call'
export { fulfilled } from './count'
export { type AcoFunction, Coroutine, type CoroutineInfo } from './coroutine'
export { Gate } from './gate'
export { NativeCoroutine } from './native-coroutine'
export type { NativeLoop } from './native-loop'
export { nativeLoop } from './native-runtime'
export type { NativeStackOptions, NativeStartOptions, SharedStacksOptions } from './native-start'
export { stackSpec as nativeStack } from './native-start'
export type { ResumeReport } from './watchers'
export { type AcoWaitOptions, type CoroutineState, WaitPoint } from './wait-point'

/** Coroutines of this isolate. */
export const aco: Aco = new Aco()
