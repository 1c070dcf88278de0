export { add, size } from './tasks.mjs'
export const back = (bytes, job) => job.transfer(bytes, [bytes.buffer])
