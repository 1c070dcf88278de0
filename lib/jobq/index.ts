export { BackQueue, type BackQueueStats } from './back-queue'
export { controlJobq } from './control'
export { currentJob } from './current-job'
export type { JobDone, JobHandle, NativeResult } from './job-desk'
export { JobDesk } from './job-desk'
export type { JobCancel, JobOrder, JobTransfer } from './job-order'
export type { JobDescription, JobQueueStats, SubqueueStats } from './job-queue'
export { JobQueue } from './job-queue'
export type { JobQueueOptions } from './job-queues'
export { JobQueues } from './job-queues'
export { jobqsFromConfig } from './jobq-config'
export type { JobqLimits } from './limits'
export type {
  Crc32cOptions,
  DeflateOptions,
  InflateOptions,
  LookupOptions,
  NativeJobOptions,
  ReadFileOptions,
  StatOptions,
  WriteFileOptions,
} from './native-jobs'
export { NativeJobs } from './native-jobs'
export type { AnswerLimit, FileStatus, HostAddress, ReadPart, WriteManner } from './native-requests'
export type { JobOutcomeCode } from './outcome'
export type { JobOverflow, JobRunOptions } from './run-options'
export { checkPriority, checkSignal, checkTransfer, subqueueOf } from './run-options'
export type { JobqSafety, JobqSpec } from './spec'
export { parseJobqSpec } from './spec'
export type { JobTarget, LocatedTarget, ModuleTarget, NativeTarget } from './targets'
export type { DependentOptions, JobContext } from './worker-job'
export type { JobWorkerOptions, WorkerDeath } from './worker-host'
