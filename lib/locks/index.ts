export { Semaphore, type SemaphoreOptions, type SemaphoreWaitOptions } from './semaphore'
